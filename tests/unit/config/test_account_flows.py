from typing import Any

import pytest
from pydantic import ValidationError

from switchyard.config.account_flows import AccountFlow
from switchyard.config.account_flows import fill

DEVICE = {
    "device": {"url": "https://a.example/device"},
    "token": {"url": "https://a.example/token"},
}


def test_a_flow_without_details_follows_the_standards() -> None:
    flow = AccountFlow.model_validate({"client-id": "c", **DEVICE})
    assert flow.has_login and flow.is_usable and flow.lead == 300.0
    assert [name for name, _ in flow.steps()] == ["device", "token"]


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"device": {"url": "https://a.example/d"}}, "needs poll or token"),
        ({"authorize": {"url": "https://a.example/a"}}, "needs token as well"),
        ({**DEVICE, "token": {"url": "http://a.example/token"}}, "must be an https"),
        ({**DEVICE, "token": {"url": "https:///token"}}, "not a URL with a host"),
        ({**DEVICE, "refresh": {"url": "https://a.example/r", "extra": {"a": "{nobody}"}}},
         "uses the unknown {nobody}"),
        ({"authorize": {"url": "https://a.example/a", "redirect": "http://evil.example/cb"},
          "token": {"url": "https://a.example/t"}}, "address of this machine"),
        ({**DEVICE, "lead": 0}, "more than 0"),
        ({**DEVICE, "status": "fine"}, "'ok', 'preview', 'ended' or 'unsupported'"),
    ],
)  # fmt: skip
def test_wrong_flows(settings: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValidationError, match=cause):
        AccountFlow.model_validate({"client-id": "c", **settings})


def test_a_step_may_name_what_an_earlier_one_answers() -> None:
    device = {"url": "https://a.example/d", "answer": {"device_auth_id": "$.id"}}
    poll = {"url": "https://a.example/p", "body": {"id": "{device_auth_id}"}}
    flow = AccountFlow.model_validate({"client-id": "c", "device": device, "poll": poll})
    assert flow.poll and flow.poll.body == {"id": "{device_auth_id}"}


def test_a_template_without_its_value_is_left_out() -> None:
    assert fill("token {access_token}", {"access_token": "t"}) == "token t"
    assert fill("token {access_token}", {"access_token": ""}) is None
    assert fill("{a}{b}", {"a": "1"}) is None
    assert fill("plain", {}) == "plain"
    assert fill("{code}", {"code": "{state}", "state": "x"}) == "{state}"
