"""The models of a client key, through the addons."""

import pytest

from switchyard.pipeline.access import Access
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.limiting import Limiting
from switchyard.pipeline.management import Management
from switchyard.pipeline.release import Release
from switchyard.pipeline.routing import Routing
from tests.support.runtime import CONFIG
from tests.support.runtime import FORMATS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime

KEYED = CONFIG + "    clients: {api-keys: [all-1, {key: few-1, models: [stack, 'claude/*']}]}\n"


def asked(runtime: FakeRuntime, key: str, format: str, model: str):
    flow = call_flow(runtime, format, model, headers={"x-api-key": key})
    for addon in (addon_of(runtime, Access), addon_of(runtime, Intake), addon_of(runtime, Routing)):
        addon.request(flow)
    return flow


@pytest.mark.parametrize("format", FORMATS)
def test_a_key_may_ask_for_its_models_only(format: str) -> None:
    runtime = make_runtime(KEYED)
    for model in ("stack", "claude/c", "claude/c(high)"):
        assert asked(runtime, "few-1", format, model).response is None
    flow = asked(runtime, "few-1", format, "chat/m")
    _type, message = error_of(flow.response, format, 403)
    assert "may not use the model 'chat/m'" in message
    assert asked(runtime, "all-1", format, "chat/m").response is None


def test_whom_to_ask_for_another_model() -> None:
    runtime = make_runtime(KEYED.replace("clients: {", "clients: {contact: ops@acme, "))
    for model, asks in (("chat/m", True), ("nothing-like-it/m", False)):
        flow = asked(runtime, "few-1", "openai-chat", model)
        assert flow.response is not None and flow.response.text is not None
        assert (" Ask ops@acme." in flow.response.text) is asks


def test_whom_to_ask_for_another_provider() -> None:
    keys = "clients: {contact: ops@acme, api-keys: [{key: own-1, providers: [claude]}]}"
    runtime = make_runtime(f"{CONFIG}    {keys}\n")
    flow = asked(runtime, "own-1", "openai-chat", "chat/m")
    addon_of(runtime, Limiting).request(flow)
    _type, message = error_of(flow.response, "openai-chat", 403)
    assert message == ("No provider that this key may use serves the model 'chat/m'. Ask ops@acme.")


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models", "/api/tags"])
def test_a_key_sees_its_models_only(path: str) -> None:
    runtime = make_runtime(KEYED)
    listed = {}
    for key in ("all-1", "few-1"):
        flow = client_flow(runtime, path, headers={"x-api-key": key})
        for addon in (
            addon_of(runtime, Access),
            addon_of(runtime, Intake),
            addon_of(runtime, Management),
        ):
            addon.request(flow)
        assert flow.response is not None
        listed[key] = flow.response.content or b""
    assert b"stack" in listed["few-1"] and b"claude/c" in listed["few-1"]
    assert b"chat/m" not in listed["few-1"] and b"chat/m" in listed["all-1"]


def test_whose_request_it_was_is_forgotten_with_it() -> None:
    runtime = make_runtime(KEYED)
    flow = asked(runtime, "few-1", "anthropic", "stack")
    assert runtime.clients.client_of(flow) == runtime.snapshot.config.clients.api_keys[1]
    addon_of(runtime, Release).response(flow)
    assert runtime.clients.client_of(flow) is None
