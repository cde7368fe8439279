"""Kiro's preset: a login with a registration of our own, then calls that check token and agent."""

import json
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from switchyard.accounts.login import log_in
from switchyard.accounts.store import AccountStore
from switchyard.config.account_flows import AccountFlow
from switchyard.config.account_presets import SHIPPED_ACCOUNTS
from switchyard.config.presets import read_preset
from switchyard.config.yaml_source import read_document
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.codewhisperer import answer
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream
from tests.unit.config.loading import problems

MODEL = "claude-sonnet-4.6"
SUSPENDED = "TEMPORARILY_SUSPENDED"
PROFILE = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/ABCDEF"
REGISTRATION = {"clientId": "reg-Own-1", "clientSecret": "reg-Secret-1",
                "clientSecretExpiresAt": 1}  # fmt: skip
DEVICE = {"deviceCode": "dev-1", "userCode": "ABCD-EFGH", "verificationUri": "https://v.example",
          "verificationUriComplete": "https://v.example?c", "expiresIn": 600,
          "interval": 1}  # fmt: skip
BOTH = {"clientId": "reg-Own-1", "clientSecret": "reg-Secret-1"}
TOOL = {"name": "weather", "description": "Tells it.", "input_schema": {"type": "object"}}


class Person:
    """A user who confirms every code at once."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def show_page(self, url: str) -> None:
        raise AssertionError("a device login opens no page")

    def show_code(self, url: str, code: str, whole_url: str) -> None:
        self.codes.append(code)

    def wait(self, seconds: float) -> None:
        """No time passes."""

    def ask(self, question: str) -> str:
        raise AssertionError("a device login asks nothing")


class Identity:
    """AWS' OIDC endpoints: what they take, and the tokens that they gave."""

    def __init__(self, authority: Authority) -> None:
        self.given = 0
        self.pending = 1
        self.revoked = ""
        """An access token that the service refuses."""
        authority.paths["/client/register"] = self.register
        authority.paths["/device_authorization"] = self.device
        authority.paths["/token"] = self.token

    def register(self, asked: Asked) -> Reply:
        assert asked.body["clientName"] == "switchyard"
        assert asked.body["clientType"] == "public"
        assert "codewhisperer:conversations" in asked.body["scopes"]
        return 200, REGISTRATION

    def device(self, asked: Asked) -> Reply:
        assert asked.body == {**BOTH, "startUrl": "https://view.awsapps.com/start"}
        return 200, DEVICE

    def token(self, asked: Asked) -> Reply:
        assert asked.headers["user-agent"] == "switchyard"
        if asked.body["grantType"] == "refresh_token":
            assert asked.body["refreshToken"] == f"aor-Token-{self.given}"
        else:
            assert asked.body["deviceCode"] == "dev-1"
            if self.pending:
                self.pending -= 1
                return 400, {"error": "authorization_pending"}
        self.given += 1
        return 200, {"accessToken": f"aoa-Token-{self.given}", "expiresIn": 3600,
                     "refreshToken": f"aor-Token-{self.given}"}  # fmt: skip


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    with Authority() as made:
        yield made


@pytest.fixture
def service() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream
        assert not upstream.unscripted


def account(authority: Authority) -> dict[str, Any]:
    """The shipped account, at our own server in place of AWS'."""
    text = (SHIPPED_ACCOUNTS / "kiro.yaml").read_text()
    text = text.replace("https://oidc.us-east-1.amazonaws.com", authority.url)
    data = read_document(text, "kiro", {}).data
    assert isinstance(data, dict) and authority.url in json.dumps(data)
    return {**data, "read": str(data["read"]), "preview": True}


def test_it_is_off_until_the_user_wants_a_preview() -> None:
    told = "\n".join(problems("providers: [{preset: kiro}]"))
    assert "does not document this use" in told and "preview: true" in told


def test_login_calls_and_refresh(
    start_router: Callable[..., Router], authority: Authority, service: Upstream, tmp_path: Path
) -> None:
    identity, person, store = Identity(authority), Person(), AccountStore(tmp_path)
    flow = account(authority)
    log_in("kiro", AccountFlow.model_validate(flow), store, person)
    assert person.codes == ["ABCD-EFGH"] and identity.given == 1
    service.on(always=lambda request: serve(request, identity))
    router = start(start_router, service, flow, tmp_path)

    told = post(router, stream=True)
    read = read_stream("anthropic", told.content)
    assert "I look it up" in read.text and "weather" in told.text
    message = post(router, stream=False).json()
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    assert message["content"][2]["input"] == {"city": "Oslo"}
    assert message["usage"]["output_tokens"] == 9

    assert len(service.requests) == 2

    identity.revoked = "aoa-Token-1"
    assert "I look it up" in read_stream("anthropic", post(router, stream=True).content).text
    assert identity.given == 2
    record = store.load("kiro")
    assert record is not None and record.client_id == "reg-Own-1"
    assert record.refresh_token == "aor-Token-2" and record.state == "ok"


def start(
    start_router: Callable[..., Router],
    service: Upstream,
    flow: dict[str, Any],
    folder: Path,
    **more: Any,
) -> Router:
    """A router with the shipped preset, at our own server in place of AWS'."""
    preset = read_preset("kiro", {}).data
    assert isinstance(preset, dict)
    provider = {**preset, "name": "kiro", "base-url": service.url, "models": [MODEL], **more}
    config = {"providers": [provider], "accounts": {"kiro": flow}}
    discovery = provider["models"] == "discover"
    env = {"SWITCHYARD_ACCOUNTS_DIR": str(folder)}
    return start_router(config, env=env, discovery=discovery)


def test_a_suspended_account_is_left_alone_until_a_new_login(
    start_router: Callable[..., Router], authority: Authority, service: Upstream, tmp_path: Path
) -> None:
    identity, store, flow = Identity(authority), AccountStore(tmp_path), account(authority)
    log_in("kiro", AccountFlow.model_validate(flow), store, Person())
    refusal = {"message": "User ID is temporarily suspended", "reason": SUSPENDED}
    service.on(None, whole(json.dumps(refusal).encode(), 403))
    router = start(start_router, service, flow, tmp_path)
    told = router.will_log("is suspended by its provider. Ask it why; once it is not, run")
    assert ask(router, True).status_code >= 400
    told.wait()
    record = store.load("kiro")
    assert record is not None and (record.state, record.error) == ("suspended", SUSPENDED)
    for _ in range(3):
        assert "suspended" in ask(router, True).text
    assert len(service.requests) == 1 and identity.given == 1, "nothing uses it any more"
    health = httpx2.get(f"{router.url}/v0/health/providers", timeout=60, trust_env=False).text
    assert "suspended" in health

    service.on(always=whole(b"{}"), path="/getUsageLimits")
    service.on(always=lambda request: serve(request, identity))
    again = router.will_log("gives a credential again")
    log_in("kiro", AccountFlow.model_validate(flow), store, Person())
    again.wait()
    assert "I look it up" in read_stream("anthropic", post(router, stream=True).content).text


def test_an_organisations_profile_goes_with_calls_lists_and_questions(
    start_router: Callable[..., Router], authority: Authority, service: Upstream, tmp_path: Path
) -> None:
    identity, store, flow = Identity(authority), AccountStore(tmp_path), account(authority)
    log_in("kiro", AccountFlow.model_validate(flow), store, Person())
    limits = {"nextDateReset": 4.1e9, "usageBreakdownList": [
        {"resourceType": "AGENTIC_REQUEST", "currentUsage": 10, "usageLimit": 40}]}  # fmt: skip
    questions = service.on(always=whole(json.dumps(limits).encode()), path="/getUsageLimits")
    listed = {"models": [{"modelId": MODEL}, {"modelId": "auto"}]}
    lists = service.on(always=whole(json.dumps(listed).encode()), path="/ListAvailableModels")
    calls = service.on(always=lambda request: serve(request, identity),
                       path="/generateAssistantResponse")  # fmt: skip
    more = {"profile-arn": PROFILE, "models": "discover"}
    router = start(start_router, service, flow, tmp_path, **more)
    until = time.monotonic() + 60
    while not (windows := look(router)):
        assert time.monotonic() < until
        time.sleep(0.1)
    (window,) = windows
    assert (window["window"], window["used"]) == ("agentic_request", 0.25)
    (question,) = questions.requests
    assert question.target.startswith("/getUsageLimits?origin=CLI&resourceType=AGENTIC_REQUEST&")
    assert "I look it up" in read_stream("anthropic", post(router, stream=True).content).text
    for one in (question, lists.requests[0]):
        assert one.target.endswith(f"&profileArn={quote(PROFILE, safe='')}")
        assert one.header("authorization") == f"Bearer aoa-Token-{identity.given}"
    assert calls.requests[0].json["profileArn"] == PROFILE


def look(router: Router) -> list[dict[str, Any]]:
    url = f"{router.url}/v0/health/providers"
    return httpx2.get(url, timeout=60, trust_env=False).json()["windows"]


def serve(request: Recorded, identity: Identity) -> Any:
    """Answers who has the token and says who it is."""
    assert request.path == "/generateAssistantResponse"
    token = (request.header("authorization") or "").removeprefix("Bearer ")
    if token == identity.revoked:
        message = "The bearer token included in the request is invalid."
        return whole(json.dumps({"message": message}).encode(), status=401)
    assert token == f"aoa-Token-{identity.given}"
    assert request.header("user-agent") == "switchyard"
    assert request.header("accept") == "application/vnd.amazon.eventstream"
    asked = request.json["conversationState"]["currentMessage"]["userInputMessage"]
    assert asked["modelId"] == MODEL and asked["content"] == "How is Oslo?"
    (tool,) = asked["userInputMessageContext"]["tools"]
    assert tool["toolSpecification"]["name"] == "weather"
    data = answer()
    cut = [data[at : at + 97] for at in range(0, len(data), 97)]
    return chunked(*cut, content_type="application/vnd.amazon.eventstream")


def post(router: Router, stream: bool) -> httpx2.Response:
    answered = ask(router, stream)
    assert answered.status_code == 200, answered.text
    return answered


def ask(router: Router, stream: bool) -> httpx2.Response:
    body = {"model": MODEL, "max_tokens": 99, "stream": stream, "tools": [TOOL],
            "messages": [{"role": "user", "content": "How is Oslo?"}]}  # fmt: skip
    headers = {"anthropic-version": "2023-06-01", "user-agent": "claude-cli/2.0"}
    return httpx2.post(
        f"{router.url}/v1/messages", json=body, headers=headers, timeout=60, trust_env=False
    )
