import json

from mitmproxy.test import taddons

from switchyard.failover.attempt import AttemptFailure
from switchyard.management.provider_status import provider_status
from switchyard.management.sharing_status import sharing_status
from switchyard.pipeline.management import Management
from switchyard.pipeline.status import Status
from switchyard.wire.encoding.jsonio import JsonObject
from tests.support.runtime import CONFIG
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

WITH_ABSENT = CONFIG.replace(
    "    combos:",
    "      - {name: gone, base-url: 'https://gone.example', api-key: '${GONE}', optional: true}\n"
    "    combos:",
)


def told_of(runtime: FakeRuntime) -> JsonObject:
    state, windows = runtime.state, runtime.ledger.windows
    return provider_status(runtime.snapshot.config, state.health, windows, runtime.accounts)


def test_what_was_not_tried_has_no_targets() -> None:
    told = told_of(make_runtime(WITH_ABSENT))
    assert told["providers"] == [
        {"name": name, "targets": []} for name in ("chat", "claude", "codex", "google", "open")
    ]
    (absent,) = told["not-live"]
    assert absent["name"] == "gone"
    assert "GONE" in absent["reason"]


def test_how_each_target_is_doing() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    refused, running = call_flow(runtime, "openai-chat", "c"), call_flow(runtime, "gemini")
    pipeline.begin(refused)
    said = {"error": {"message": "Incorrect key own-claude-key"}}
    pipeline.answer(pipeline.attempt(refused), said, 429, {"retry-after": "90"})
    pipeline.begin(running)
    pipeline.attempt(running)
    told = {one["name"]: one["targets"] for one in told_of(runtime)["providers"]}
    (busy,) = told["google"]
    assert busy == {"model": "g", "credential": "google#0", "state": "closed", "in-flight": 1,
                    "successes": 0, "failures": 0}  # fmt: skip
    (shut,) = told["claude"]
    assert (shut["state"], shut["failures"], shut["in-flight"]) == ("open", 1, 0)
    assert 85 < shut["returns-in"] <= 90
    assert shut["announced"] is True
    error = shut["last-error"]
    assert (error["class"], error["status"]) == ("quota", 429)
    assert 0 <= error["seconds-ago"] < 5
    assert not any(key in json.dumps(told) for key in OWN_KEYS)


def test_a_guess_is_not_announced() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline.begin(flow)
    pipeline.fail(pipeline.attempt(flow), AttemptFailure("reset", "the connection broke"))
    told = {one["name"]: one["targets"] for one in told_of(runtime)["providers"]}
    (target,) = told["claude"]
    assert target["announced"] is False
    assert target["last-error"]["message"] == "the connection broke"


def test_a_provider_that_is_configured_no_longer_is_still_told_of() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline.begin(flow)
    pipeline.attempt(flow)
    runtime.apply(
        make_runtime('providers: [{name: z, base-url: "https://z.example"}]').snapshot.config
    )
    assert [one["name"] for one in told_of(runtime)["providers"]] == ["z", "claude"]


def test_the_command_and_the_address_tell_the_same() -> None:
    runtime = make_runtime()
    addon = addon_of(runtime, Status)
    with taddons.context(addon) as context:
        by_command = json.loads(context.master.commands.execute("switchyard.status"))
    flow = client_flow(runtime, "/v0/health/providers")
    addon_of(runtime, Management).request(flow)
    assert flow.response is not None
    state = sharing_status(runtime.state.shared.health)
    expected = {**told_of(runtime), "state": state}
    assert json.loads(flow.response.content or b"") == by_command == expected
