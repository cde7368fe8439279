import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy import types
from mitmproxy.addons import save
from mitmproxy.addons import savehar
from mitmproxy.addons import view
from mitmproxy.test import taddons

from switchyard.failover.attempt import Attempt
from switchyard.pipeline.recorder import Recorder
from switchyard.recording import flow_sinks
from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.tape import Tape
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import CONFIG
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.unit.pipeline.test_masking import dump

REFUSAL = {"error": {"message": f"{OWN_KEYS[0]} of {CLIENT_KEY} is at its limit"}}


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime()


@pytest.fixture
def recorder(runtime: FakeRuntime) -> Iterator[Recorder]:
    one = addon_of(runtime, Recorder)
    with taddons.context(one, loadcore=False):
        yield one


@pytest.fixture
def shown(recorder: Recorder) -> Iterator[view.View]:
    """The list of flows, where there is one."""
    with taddons.context(shown := view.View(), loadcore=False) as context:
        context.master.addons.add(recorder)
        recorder.running()
        yield shown


class Recorded(Pipeline):
    """The pipeline with the recorder in its place."""

    def __init__(self, runtime: FakeRuntime, recorder: Recorder) -> None:
        super().__init__(runtime)
        self._addons.insert(-1, recorder)


def fail_once(pipeline: Pipeline, runtime: FakeRuntime) -> Attempt:
    """A call whose first attempt failed; the second one, as it would be sent."""
    headers = {"authorization": f"Bearer {CLIENT_KEY}"}
    flow = call_flow(runtime, "openai-chat", "stack", headers=headers)
    pipeline.begin(flow)
    more = {"x-key": OWN_KEYS[0], "set-cookie": "session=a-cookie-of-theirs"}
    pipeline.answer(pipeline.attempt(flow), REFUSAL, 429, more)
    return pipeline.attempt(flow)


def test_nothing_is_recorded_where_nobody_looks(recorder: Recorder, runtime: FakeRuntime) -> None:
    recorder.running()
    attempt = fail_once(Recorded(runtime, recorder), runtime)
    exchange = runtime.exchanges.get(attempt.flow)
    assert exchange is not None
    assert attempt.observer is None
    assert not recorder._running
    assert attempt.listener is None


def test_a_failed_attempt_is_shown_once_the_next_one_is_known(
    shown: view.View, recorder: Recorder, runtime: FakeRuntime
) -> None:
    attempt = fail_once(Recorded(runtime, recorder), runtime)
    (flow,) = flow_sinks.kept_flows()
    assert flow.metadata[ATTEMPT] == 1
    assert "chat 429 quota -> chat" in flow.comment
    assert flow.id != attempt.flow.id


def test_what_is_shown_holds_no_secret(
    shown: view.View, recorder: Recorder, runtime: FakeRuntime
) -> None:
    fail_once(Recorded(runtime, recorder), runtime)
    (flow,) = flow_sinks.kept_flows()
    saved = dump(flow)
    assert b"is at its limit" in saved
    assert not [
        key for key in (*OWN_KEYS, CLIENT_KEY, "a-cookie-of-theirs") if key.encode() in saved
    ]
    assert flow.request.headers["authorization"] == "Bearer ***"


def test_an_attempt_without_an_end_is_shown_as_unfinished(
    shown: view.View, recorder: Recorder, runtime: FakeRuntime
) -> None:
    pipeline = Recorded(runtime, recorder)
    attempt = fail_once(pipeline, runtime)
    pipeline.over(attempt.flow)
    comments = [flow.comment for flow in flow_sinks.kept_flows()]
    assert any("chat unfinished" in comment for comment in comments), comments


def test_a_rival_that_was_slower_is_shown_as_that(
    shown: view.View, recorder: Recorder, runtime: FakeRuntime
) -> None:
    pipeline = Recorded(runtime, recorder)
    flow = call_flow(runtime, "openai-chat", "stack")
    pipeline.begin(flow)
    slow, fast = pipeline.attempt(flow), pipeline.attempt(flow, hedge=True)
    pipeline.answer(fast, {"type": "message", "role": "assistant", "model": "c", "id": "m",
                           "content": [{"type": "text", "text": "hi"}], "usage": {},
                           "stop_reason": "end_turn"})  # fmt: skip
    pipeline.lose(slow)
    assert fast.receiver is not None
    pipeline.over(flow, fast.receiver.head())
    comments = sorted(flow.comment.partition(", attempt")[0] for flow in flow_sinks.kept_flows())
    assert comments == ["↳ chat was slower", "↳ claude ok, anthropic for openai-chat"]


@pytest.mark.parametrize(
    ("wanted", "numbers"), [("none", []), ("failed", [1]), ("changed", [1]), ("all", [1, 2])]
)
def test_the_option_chooses(
    shown: view.View, recorder: Recorder, runtime: FakeRuntime, wanted: str, numbers: list[int]
) -> None:
    with taddons.context(recorder, shown, loadcore=False) as context:
        context.configure(recorder, switchyard_attempts=wanted)
        pipeline = Recorded(runtime, recorder)
        attempt = fail_once(pipeline, runtime)
        pipeline.answer(attempt, reply())
        assert attempt.receiver is not None
        pipeline.over(attempt.flow, attempt.receiver.head())
        assert [flow.metadata[ATTEMPT] for flow in flow_sinks.kept_flows()] == numbers


def test_a_tape_keeps_the_beginning_and_says_so() -> None:
    tape = Tape(most=5)
    for piece in (b"abc", b"def", b"ghi"):
        tape.add(piece)
    assert tape.kept == b"abcde"
    assert tape.note == "the first 5 of 9 bytes are kept"
    exact = Tape(most=3)
    exact.add(b"abc")
    assert exact.note == ""


def test_mitmproxys_addons_that_keep_flows_are_as_expected() -> None:
    for addon, name in ((view.View, "view"), (save.Save, "save"), (savehar.SaveHar, "savehar")):
        assert addon.__name__.lower() == name
        assert callable(getattr(addon, "response", None))
        assert callable(getattr(addon, "error", None))
    assert callable(view.View.requestheaders)
    assert callable(view.View.resolve)
    with taddons.context(save.Save(), savehar.SaveHar()) as context:
        assert {"save_stream_file", "hardump"} <= set(context.options.keys())


def test_a_call_is_exported_with_all_its_attempts(
    shown: view.View, recorder: Recorder, runtime: FakeRuntime, tmp_path: Path
) -> None:
    pipeline = Recorded(runtime, recorder)
    attempt = fail_once(pipeline, runtime)
    pipeline.answer(attempt, reply())
    assert attempt.receiver is not None
    call = attempt.flow
    shown.add([call])
    pipeline.over(call, attempt.receiver.head())
    (failed,) = (flow for flow in flow_sinks.kept_flows() if flow is not call)
    written = recorder.export([call, failed], types.Path(tmp_path / "out"))
    (folder,) = (tmp_path / "out").iterdir()
    assert written == str(folder)
    exported = {path.name: path.read_bytes() for path in folder.iterdir()}
    wanted = {"client", "attempt-1", "attempt-2"}
    assert {name.rpartition("-")[0] for name in exported if "-" in name} == wanted
    assert json.loads(exported["exchange.json"])["route"] == ["chat 429", "chat ok"]
    everything = b"".join(exported.values())
    assert b"is at its limit" in everything
    assert not [key for key in (*OWN_KEYS, CLIENT_KEY) if key.encode() in everything]
    (tmp_path / "file").touch()
    with pytest.raises(exceptions.CommandError, match="cannot write to"):
        recorder.export([call], types.Path(tmp_path / "file" / "out"))


@pytest.fixture
def intercepting() -> FakeRuntime:
    return make_runtime(CONFIG + "    intercept: {chat.example: [passthrough, claude/c]}\n")


def test_an_attempt_at_the_clients_own_provider_is_shown_without_its_key(
    intercepting: FakeRuntime,
) -> None:
    recorder = addon_of(intercepting, Recorder)
    with taddons.context(shown := view.View(), loadcore=False) as context:
        context.master.addons.add(recorder)
        recorder.running()
        pipeline = Recorded(intercepting, recorder)
        path, body = call("openai-chat", "gpt-x")
        headers = {"authorization": f"Bearer {CLIENT_KEY}", "x-kept": "1"}
        flow = client_flow(intercepting, path, body, headers=headers, to=("chat.example", 443))
        pipeline.begin(flow)
        first = pipeline.attempt(flow)
        assert first.request is not None
        assert first.request.headers["authorization"] == f"Bearer {CLIENT_KEY}"
        refusal = gzip.compress(json.dumps(REFUSAL).encode())
        pipeline.answer(first, refusal, 429, {"content-encoding": "gzip"})
        pipeline.attempt(flow)
        (failed,) = shown
        assert failed.comment.startswith(
            "↳ passthrough:chat.example 429 quota -> claude, attempt 1"
        )
        assert failed.request.headers["authorization"] == "Bearer ***"
        assert failed.request.headers["x-kept"] == "1"
        assert failed.response and b"is at its limit" in failed.response.content
        assert CLIENT_KEY.encode() not in dump(failed)
        assert CLIENT_KEY.encode() not in dump(flow)
