"""Every provider's way to log in and to refresh, against a server of its shape.

The shapes are those that the providers' own clients and documents show; addresses and clients are
the test's own.
"""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest

from tests.support.authority import Reply
from tests.unit.accounts.login_support import PENDING
from tests.unit.accounts.login_support import Provider
from tests.unit.accounts.login_support import tokens


def jwt(**claims: Any) -> str:
    return f"eyJh.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


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
