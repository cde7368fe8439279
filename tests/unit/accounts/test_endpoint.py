import json
import time
from typing import Any

import pytest

from switchyard.accounts.endpoint import send_step
from switchyard.accounts.endpoint import sort_answer
from switchyard.config.account_flows import AccountFlow
from tests.support.authority import Authority
from tests.support.ports import free_port


def flow_of(**token: Any) -> AccountFlow:
    step = {"url": "http://127.0.0.1:1/token", **token.pop("step", {})}
    return AccountFlow.model_validate({"client-id": "c", "token": step, **token})


def kind(status: int, body: object, **settings: Any) -> str:
    flow = flow_of(**settings)
    assert flow.token
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return sort_answer(flow.token, flow, status, content).kind


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, {"access_token": "t"}, "good"),
        (400, {"error": "authorization_pending"}, "pending"),
        (200, {"error": "authorization_pending"}, "pending"),
        (428, {"error": "authorization_pending"}, "pending"),
        (400, {"__type": "com.amazon#AuthorizationPendingException"}, "pending"),
        (400, {"error": "slow_down"}, "slow-down"),
        (429, {"error": "slow_down"}, "slow-down"),
        (400, {"error": "invalid_grant"}, "log-in-again"),
        (401, {"error": {"code": "refresh_token_reused"}}, "log-in-again"),
        (200, {"error": "invalid_grant"}, "log-in-again"),
        (400, {"error": "expired_token"}, "log-in-again"),
        (401, {"error": "invalid_client"}, "configuration"),
        (400, {"error": "unauthorized_client"}, "configuration"),
        (403, {"error": "access_denied"}, "refused"),
        (400, {"error": "something_new"}, "refused"),
        (403, {}, "refused"),
        (408, {}, "passing"),
        (429, {"error": "rate_limit"}, "passing"),
        (500, {"error": "server_error"}, "passing"),
        (503, b"<html>busy</html>", "passing"),
        (400, b"<html>a proxy's page</html>", "passing"),
        (200, b"<html>a captive portal</html>", "passing"),
        (200, b"", "passing"),
        (200, b"[1]", "passing"),
    ],
)
def test_what_an_answer_means(status: int, body: object, meaning: str) -> None:
    assert kind(status, body) == meaning


def test_meanings_of_a_providers_own() -> None:
    assert kind(403, {}, **{"log-in-again": ["403"]}) == "log-in-again"
    assert kind(400, {"code": 1}, step={"pending": [400]}) == "pending"
    error = {"error": "TEMPORARILY_SUSPENDED"}
    assert kind(403, error, suspended=["TEMPORARILY_SUSPENDED"]) == "suspended"


@pytest.mark.parametrize(
    ("members", "step", "life"),
    [
        ({"expires_in": 3600}, {}, 3600),
        ({"expires_in": "3600"}, {}, 3600),
        ({"expires_at": "IN 3600"}, {}, 3600),
        ({"expires_at": "MS 3600"}, {}, 3600),
        ({"expires_at": "ISO 3600"}, {}, 3600),
        ({"data": {"expiresAt": "ISO 3600"}}, {"answer": {"expires_at": "$.data.expiresAt"}}, 3600),
        ({"expiresIn": 1800}, {"answer": {"expires_in": "$.expiresIn"}}, 1800),
        ({"expires_at": "IN -600"}, {}, 60),
        ({}, {}, None),
    ],
)
def test_the_expiry_in_every_spelling(members: dict[str, Any], step: Any, life: int | None) -> None:
    """A clock that is ten minutes ahead of the provider's gives no token that is dead at birth."""
    now = time.time()

    def spelt(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: spelt(one) for name, one in value.items()}
        match str(value).split():
            case ["IN", seconds]:
                return int(now + int(seconds))
            case ["MS", seconds]:
                return int((now + int(seconds)) * 1000)
            case ["ISO", seconds]:
                at = time.gmtime(now + int(seconds))
                return time.strftime("%Y-%m-%dT%H:%M:%SZ", at)
        return value

    flow = flow_of(step=step)
    assert flow.token
    body = json.dumps({"access_token": "t", **spelt(members)}).encode()
    found = sort_answer(flow.token, flow, 200, body).expires_at
    assert found is None if life is None else found == pytest.approx(now + life, abs=5)


def test_an_error_shows_no_more_than_a_code() -> None:
    flow = flow_of()
    assert flow.token
    body = json.dumps({"error": "invalid_grant", "error_description": "token ref-1 is used"})
    answer = sort_answer(flow.token, flow, 400, body.encode())
    assert answer.error == "status 400 (invalid_grant)"
    odd = json.dumps({"error": "your token ref-1 is bad"}).encode()
    assert sort_answer(flow.token, flow, 400, odd).error == "status 400"


@pytest.mark.parametrize("encoding", ["form", "json"])
def test_a_step_is_sent_as_it_says(encoding: str) -> None:
    with Authority() as authority:
        authority.paths["/token"] = lambda asked: (200, {"access_token": "t", "id": 5})
        step = {
            "url": f"{authority.url}/token",
            "encoding": encoding,
            "headers": {"X-Client": "{client_id}", "Authorization": "Basic {basic}"},
            "extra": {"resource": "r", "left_out": "{nonce}"},
            "answer": {"account": "$.id"},
        }
        flow = AccountFlow.model_validate({"client-id": "c", "token": step})
        assert flow.token
        standard = {"grant_type": "refresh_token", "client_id": "{client_id}", "x": "{scope}"}
        answer = send_step(flow.token, flow, {"client_id": "c"}, standard)
        (asked,) = authority.asked
    assert answer.values == {"access_token": "t", "account": "5"}
    assert asked.body == {"grant_type": "refresh_token", "client_id": "c", "resource": "r"}
    assert asked.headers["x-client"] == "c" and "authorization" not in asked.headers
    assert asked.headers["user-agent"] == "switchyard"


def test_a_provider_that_is_not_there_was_not_reached() -> None:
    flow = flow_of(step={"url": f"http://127.0.0.1:{free_port()}/token"})
    assert flow.token
    answer = send_step(flow.token, flow, {}, {})
    assert (answer.kind, answer.reached) == ("passing", False)
