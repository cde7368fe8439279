"""Every provider's way to log in and to refresh, against a server of its shape.

The shapes are those that the providers' own clients and documents show; addresses and clients are
the test's own.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlencode
from urllib.parse import urlsplit

import httpx2
import pytest

from switchyard.accounts.login import LoginError
from switchyard.accounts.login import log_in
from switchyard.accounts.login import read_pasted
from switchyard.accounts.oauth_account import OAuthAccount
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.config.account_flows import AccountFlow
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply


class Browser:
    """A user who does what is asked at once; waits take no time."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.codes: list[tuple[str, str, str]] = []
        self.waits: list[float] = []
        self.now = 0.0
        self.pastes: Callable[[str], str] = lambda address: address

    def show_page(self, url: str) -> None:
        self.pages.append(url)
        self.answer = httpx2.get(url, trust_env=False)
        to = self.answer.headers["location"]
        if "paste.example" not in to and "127.0.0.1:8400" not in to:
            httpx2.get(to, trust_env=False)

    def show_code(self, url: str, code: str, whole_url: str) -> None:
        self.codes.append((url, code, whole_url))

    def wait(self, seconds: float) -> None:
        if seconds:
            self.waits.append(seconds)
        self.now += seconds

    def ask(self, question: str) -> str:
        return self.pastes(self.answer.headers["location"])


class Provider:
    """The authorization server of one provider."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority = authority
        self.store = AccountStore(folder)
        self.browser = Browser()
        self.challenge = ""
        self.bodies: dict[str, list[Asked]] = {}

    @property
    def url(self) -> str:
        return self.authority.url

    def on(self, path: str, *answers: Reply | Callable[[Asked], Reply]) -> str:
        """Answer a path; the last answer stays. Returns the URL."""
        left = list(answers)
        seen = self.bodies.setdefault(path, [])

        def reply(asked: Asked) -> Reply:
            seen.append(asked)
            answer = left.pop(0) if len(left) > 1 else left[0]
            return answer(asked) if callable(answer) else answer

        self.authority.paths[path] = reply
        return f"{self.url}{path}"

    def authorizes(self, path: str = "/authorize", code: str = "co-1") -> str:
        """A page that sends the browser back with a code, and keeps the challenge."""

        def page(asked: Asked) -> Reply:
            assert asked.query["response_type"] == "code"
            assert asked.query["code_challenge_method"] == "S256"
            self.challenge = asked.query["code_challenge"]
            found = {"code": code, "state": asked.query["state"], "scope": "more"}
            location = f"{asked.query['redirect_uri']}?{urlencode(found)}"
            return 302, "", {"location": location}

        return self.on(path, page)

    def proves(self, verifier: str) -> bool:
        digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        return digest == self.challenge

    def log_in(self, flow: dict[str, Any], by: str = "") -> AccountRecord:
        self.flow = AccountFlow.model_validate(flow)
        return log_in(
            "p/work", self.flow, self.store, self.browser, by=by, clock=lambda: self.browser.now
        )

    def refreshed(self) -> AccountRecord:
        """The account after its access token has been refused."""
        record = self.store.load("p/work")
        assert record
        account = OAuthAccount("p/work", self.flow, self.store, lambda secret: None)
        account.read(record.access_token)
        found = self.store.load("p/work")
        assert found
        return found

    def last(self, path: str) -> dict[str, Any]:
        return self.bodies[path][-1].body


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with Authority() as authority:
        yield Provider(authority, tmp_path / "accounts")


def jwt(**claims: Any) -> str:
    return f"eyJh.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def tokens(number: int, **more: Any) -> Reply:
    return 200, {"access_token": f"tok-{number}", "refresh_token": f"ref-{number}",
                 "expires_in": 3600, **more}  # fmt: skip


PENDING: Reply = (400, {"error": "authorization_pending"})


def test_claude_exchanges_by_json_with_its_state(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "scopes": ["user:inference"],
        "authorize": {"url": provider.authorizes(), "params": {"code": "true"}},
        "token": {
            "url": provider.on("/token", tokens(1), tokens(2)),
            "encoding": "json",
            "extra": {"state": "{state}"},
        },
        "refresh": {"url": f"{provider.url}/token", "encoding": "json"},
    }
    provider.browser.pastes = lambda address: "#".join(
        parse_qs(urlsplit(address).query)[name][0] for name in ("code", "state")
    )
    record = provider.log_in(flow, by="paste")
    body = provider.last("/token")
    assert body["code"] == "co-1" and body["state"] and provider.proves(body["code_verifier"])
    assert body["state"] != body["code_verifier"]
    assert record.refresh_token == "ref-1"
    assert provider.refreshed().refresh_token == "ref-2"
    assert provider.last("/token") == {
        "grant_type": "refresh_token", "refresh_token": "ref-1", "client_id": "c",
    }  # fmt: skip


def test_codex_by_the_browser_reads_its_json_web_token(provider: Provider) -> None:
    at = int(time.time()) + 864_000
    claims = {"https://api.openai.com/auth": {"chatgpt_account_id": "acc-1"}}
    answer = {"access_token": jwt(exp=at), "refresh_token": "ref-1", "id_token": jwt(**claims)}
    flow = {
        "client-id": "c",
        "authorize": {
            "url": provider.authorizes(),
            "redirect": "http://localhost:0/auth/callback",
            "params": {"originator": "test", "codex_cli_simplified_flow": "true"},
        },
        "token": {
            "url": provider.on("/token", (200, answer)),
            "answer": {"account": r"$.claims.https://api\.openai\.com/auth.chatgpt_account_id"},
        },
        "refresh": {
            "url": provider.on("/refresh", tokens(2, refresh_token=None)),
            "encoding": "json",
        },
    }
    record = provider.log_in(flow)
    assert (record.subject, record.expires_at) == ("acc-1", float(at))
    assert "originator=test" in provider.browser.pages[0]
    assert "redirect_uri=http%3A%2F%2Flocalhost" in provider.browser.pages[0]
    assert provider.refreshed().refresh_token == "ref-1", "an omitted rotation keeps it"


def test_codex_by_device_gets_a_code_for_its_code(provider: Provider) -> None:
    begun = {"device_auth_id": "d-1", "user_code": "ABCD", "interval": "7"}
    done = {"authorization_code": "co-1", "code_verifier": "ver-1", "code_challenge": "x"}
    flow = {
        "client-id": "c",
        "device": {
            "url": provider.on("/usercode", (200, begun)),
            "encoding": "json",
            "body": {"client_id": "{client_id}"},
            "answer": {"device_code": "$.device_auth_id"},
        },
        "poll": {
            "url": provider.on("/poll", (403, "<html>"), (404, {}), (200, done)),
            "encoding": "json",
            "body": {"device_auth_id": "{device_code}", "user_code": "{user_code}"},
            "answer": {"code": "$.authorization_code", "code_verifier": "$.code_verifier"},
            "pending": [403, 404],
        },
        "token": {
            "url": provider.on("/token", tokens(1)),
            "extra": {"redirect_uri": "https://auth.example/deviceauth/callback"},
        },
    }
    assert provider.log_in(flow).access_token == "tok-1"
    assert provider.browser.waits == [7.0] * 3, "an interval as text"
    body = provider.last("/token")
    assert (body["code"], body["code_verifier"]) == ("co-1", "ver-1")
    assert body["redirect_uri"] == "https://auth.example/deviceauth/callback"


def test_gemini_cli_has_a_client_secret_and_keeps_its_refresh_token(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "client-secret": "s3cret",
        "scopes": ["a", "b"],
        "authorize": {
            "url": provider.authorizes(),
            "redirect": "http://127.0.0.1:0/oauth2callback",
            "params": {"access_type": "offline"},
        },
        "token": {"url": provider.on("/token", tokens(1), tokens(2, refresh_token=None))},
    }
    provider.log_in(flow)
    assert provider.last("/token")["client_secret"] == "s3cret"
    assert provider.refreshed().refresh_token == "ref-1"
    assert provider.last("/token")["client_secret"] == "s3cret"


def test_copilot_by_device_with_errors_inside_a_200(provider: Provider) -> None:
    begun = {"device_code": "d", "user_code": "WXYZ", "verification_uri": "https://gh.example",
             "interval": 5, "expires_in": 900}  # fmt: skip
    waiting: Reply = (200, {"error": "authorization_pending"})
    slower: Reply = (200, {"error": "slow_down", "interval": 10})
    granted: Reply = (200, {"access_token": "gho_1", "token_type": "bearer", "scope": ""})
    flow = {
        "client-id": "own-app",
        "scopes": ["read:user"],
        "device": {"url": provider.on("/code", (200, begun))},
        "token": {"url": provider.on("/token", waiting, slower, waiting, granted)},
    }
    record = provider.log_in(flow)
    assert (record.access_token, record.refresh_token) == ("gho_1", "")
    assert record.expires_at == float("inf")
    assert provider.browser.waits == [5.0, 5.0, 10.0, 10.0]
    assert provider.bodies["/code"][0].body == {"client_id": "own-app", "scope": "read:user"}
    assert provider.browser.codes == [("https://gh.example", "WXYZ", "")]


def test_copilots_exchange_gives_a_session_token(provider: Provider) -> None:
    session = {"token": "ses-1", "expires_at": int(time.time()) + 1800, "refresh_in": 1500,
               "endpoints": {"api": "https://api.example"}}  # fmt: skip
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/code", (200, {"device_code": "d", "user_code": "u"}))},
        "token": {
            "url": provider.on("/token", (200, {"access_token": "gho_1"})),
            "answer": {"refresh_token": "$.access_token", "access_token": "$.nothing"},
        },
        "refresh": {
            "url": provider.on("/session", (200, session)),
            "method": "GET",
            "headers": {"Authorization": "token {refresh_token}"},
            "answer": {"access_token": "$.token", "base_url": "$.endpoints.api"},
        },
    }
    assert provider.log_in(flow).access_token == ""
    record = provider.refreshed()
    assert (record.access_token, record.refresh_token) == ("ses-1", "gho_1")
    assert record.values["base_url"] == "https://api.example"
    asked = provider.bodies["/session"][0]
    assert (asked.method, asked.headers["authorization"]) == ("GET", "token gho_1")


def test_qwen_by_device_with_pkce_and_a_resource(provider: Provider) -> None:
    answer = tokens(1, resource_url="portal.example")
    flow = {
        "client-id": "c",
        "scopes": ["openid"],
        "device": {
            "url": provider.on("/code", (200, {"device_code": "d", "user_code": "u"})),
            "extra": {"code_challenge": "{code_challenge}", "code_challenge_method": "S256"},
        },
        "token": {
            "url": provider.on("/token", PENDING, (429, {"error": "slow_down"}), answer),
            "extra": {"code_verifier": "{code_verifier}"},
            "answer": {"resource_url": "$.resource_url"},
        },
        "log-in-again": ["400", "401"],
    }
    record = provider.log_in(flow)
    provider.challenge = provider.bodies["/code"][0].body["code_challenge"]
    assert provider.proves(provider.last("/token")["code_verifier"])
    assert record.values == {"resource_url": "portal.example", "token_type": ""} or (
        record.values["resource_url"] == "portal.example"
    )


def test_iflow_sends_its_client_by_http_basic(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "client-secret": "s",
        "authorize": {"url": provider.authorizes()},
        "token": {
            "url": provider.on("/token", tokens(1), tokens(2)),
            "headers": {"Authorization": "Basic {basic}"},
        },
    }
    provider.log_in(flow)
    assert provider.bodies["/token"][0].headers["authorization"] == "Basic Yzpz"
    provider.refreshed()
    assert provider.bodies["/token"][1].headers["authorization"] == "Basic Yzpz"


def test_kiro_registers_a_client_and_speaks_json_in_camel_case(provider: Provider) -> None:
    client = {"clientId": "reg-1", "clientSecret": "reg-s", "clientSecretExpiresAt": 1}
    begun = {"deviceCode": "d", "userCode": "u", "verificationUri": "https://aws.example",
             "verificationUriComplete": "https://aws.example?c=u",
             "expiresIn": 600, "interval": 1}  # fmt: skip
    waiting: Reply = (400, {"error": "authorization_pending"})

    def given(number: int) -> Reply:
        return 200, {"accessToken": f"aoa-{number}", "refreshToken": f"aor-{number}",
                     "expiresIn": 3600}  # fmt: skip

    both = {"clientId": "{client_id}", "clientSecret": "{client_secret}"}
    answer = {"access_token": "$.accessToken", "refresh_token": "$.refreshToken",
              "expires_in": "$.expiresIn"}  # fmt: skip
    token = provider.on("/token", waiting, given(1), given(2), (400, {"error": "invalid_grant"}))
    flow = {
        "scopes": ["codewhisperer:completions"],
        "register": {
            "url": provider.on("/client/register", (200, client)),
            "encoding": "json",
            "body": {"clientName": "switchyard", "clientType": "public",
                     "scopes": ["codewhisperer:completions"]},
            "answer": {"client_id": "$.clientId", "client_secret": "$.clientSecret"},
        },
        "device": {
            "url": provider.on("/device_authorization", (200, begun)),
            "encoding": "json",
            "body": {**both, "startUrl": "https://view.example/start"},
            "answer": {"device_code": "$.deviceCode", "user_code": "$.userCode",
                       "verification_uri": "$.verificationUri", "expires_in": "$.expiresIn",
                       "verification_uri_complete": "$.verificationUriComplete"},
        },
        "token": {
            "url": token,
            "encoding": "json",
            "body": {**both, "deviceCode": "{device_code}", "grantType": "urn:device"},
            "answer": answer,
        },
        "refresh": {
            "url": token,
            "encoding": "json",
            "body": {**both, "refreshToken": "{refresh_token}", "grantType": "refresh_token"},
            "answer": answer,
        },
    }  # fmt: skip
    record = provider.log_in(flow)
    assert (record.client_id, record.client_secret) == ("reg-1", "reg-s")
    assert provider.bodies["/client/register"][0].body["scopes"] == ["codewhisperer:completions"]
    assert provider.browser.codes == [("https://aws.example", "u", "https://aws.example?c=u")]
    assert provider.refreshed().access_token == "aoa-2"
    assert provider.last("/token") == {
        "clientId": "reg-1", "clientSecret": "reg-s", "refreshToken": "aor-1",
        "grantType": "refresh_token",
    }  # fmt: skip


def test_kimi_has_errors_inside_a_200_and_numbers_as_text(provider: Provider) -> None:
    begun = {"device_code": "d", "user_code": "u", "verification_uri": "https://k.example",
             "verification_uri_complete": "https://k.example?u", "interval": "2",
             "expires_in": "60"}  # fmt: skip
    waiting: Reply = (200, {"error": "authorization_pending"})
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", (200, begun))},
        "token": {"url": provider.on("/token", waiting, tokens(1, expires_in="900"), tokens(2))},
        "log-in-again": ["401", "403"],
    }
    record = provider.log_in(flow)
    assert record.expires_at == pytest.approx(time.time() + 900, abs=30)
    assert provider.browser.waits == [2.0, 2.0]
    assert provider.refreshed().refresh_token == "ref-2"


def test_xai_by_the_browser_sends_a_nonce_and_its_own_name(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "scopes": ["openid", "offline_access"],
        "authorize": {
            "url": provider.authorizes(),
            "params": {"nonce": "{nonce}", "plan": "generic", "referrer": "switchyard"},
        },
        "token": {"url": provider.on("/token", tokens(1), tokens(2, refresh_token=None))},
    }
    provider.log_in(flow)
    query = parse_qs(urlsplit(provider.browser.pages[0]).query)
    assert query["referrer"] == ["switchyard"] and query["nonce"] != query["state"]
    assert provider.refreshed().refresh_token == "ref-1"


def test_cline_exchanges_what_its_login_gave(provider: Provider) -> None:
    final = {"success": True, "data": {
        "accessToken": "cl-1", "refreshToken": "clr-1", "expiresAt": "2099-01-01T00:00:00Z",
        "userInfo": {"subject": "u-1"},
    }}  # fmt: skip
    again = {"success": True, "data": {"accessToken": "cl-2", "expiresAt": "2099-01-01T00:00:00Z"}}
    answer = {"access_token": "$.data.accessToken", "refresh_token": "$.data.refreshToken",
              "expires_at": "$.data.expiresAt", "account": "$.data.userInfo.subject"}  # fmt: skip
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", (200, {"device_code": "d", "user_code": "u"}))},
        "token": {"url": provider.on("/authenticate", PENDING, tokens(1))},
        "finish": {
            "url": provider.on("/register", (200, final)),
            "encoding": "json",
            "body": {"accessToken": "{access_token}", "refreshToken": "{refresh_token}"},
            "answer": answer,
        },
        "refresh": {
            "url": provider.on("/refresh", (200, again)),
            "encoding": "json",
            "body": {"refreshToken": "{refresh_token}", "grantType": "refresh_token"},
            "answer": answer,
        },
        "log-in-again": ["invalid_token", "unauthorized"],
    }
    record = provider.log_in(flow)
    assert (record.access_token, record.refresh_token, record.subject) == ("cl-1", "clr-1", "u-1")
    assert record.expires_at > time.time() + 1e9
    assert provider.last("/register") == {"accessToken": "tok-1", "refreshToken": "ref-1"}
    assert provider.refreshed().access_token == "cl-2"


DEVICE: Reply = (200, {"device_code": "d", "user_code": "u", "expires_in": 30, "interval": 5})


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        ([(403, {"error": "access_denied"})], "refused the login"),
        ([(400, {"error": "expired_token"})], "the code has expired"),
        ([PENDING], "the code has expired"),
        ([(400, {"error": "slow_down"})], "the code has expired"),
        ([(401, {"error": "invalid_client"})], "refused the login"),
        ([(502, "<html>")], "refused the login"),
        ([(200, {"token_type": "bearer"})], "gave no token"),
    ],
)
def test_a_device_login_that_fails(provider: Provider, answers: list[Reply], cause: str) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", DEVICE)},
        "token": {"url": provider.on("/token", *answers)},
    }
    with pytest.raises(LoginError, match=cause):
        provider.log_in(flow)
    assert provider.store.refs() == []


def test_passing_failures_do_not_end_a_device_login(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", DEVICE)},
        "token": {"url": provider.on("/token", (502, "<html>"), PENDING, (503, ""), tokens(1))},
    }
    assert provider.log_in(flow).access_token == "tok-1"


def test_a_new_login_replaces_the_whole_account(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": provider.on("/device", DEVICE)},
        "token": {"url": provider.on("/token", tokens(1), (200, {"access_token": "tok-2"}))},
    }
    provider.log_in(flow)
    assert provider.log_in(flow).refresh_token == ""


def test_a_way_that_a_provider_does_not_have(provider: Provider) -> None:
    flow = {
        "client-id": "c",
        "device": {"url": f"{provider.url}/device"},
        "token": {"url": f"{provider.url}/token"},
    }
    with pytest.raises(LoginError, match="Use --device"):
        provider.log_in(flow, by="paste")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("http://127.0.0.1:8400/callback?code=co-1&state=st-1&scope=x", "co-1"),
        ("?code=co-1&state=st-1", "co-1"),
        ("co-1#st-1", "co-1"),
        (" co-1\n", "co-1"),
    ],
)
def test_what_a_user_pastes(text: str, code: str) -> None:
    assert read_pasted(text, "st-1") == {"code": code}


@pytest.mark.parametrize(
    "text", ["", "http://127.0.0.1/callback?state=st-1", "co-1#other", "?code=c&state=other",
             "?code=a&code=b&state=st-1"]
)  # fmt: skip
def test_what_a_user_pastes_wrongly(text: str) -> None:
    with pytest.raises(LoginError):
        read_pasted(text, "st-1")
