"""What is left of a call in a dump: itself, and its attempts as flows of their own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from mitmproxy import http as mhttp
from mitmproxy import io as mio

from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.metadata import REQUEST
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.steps import CUT
from tests.support.steps import chunked
from tests.support.upstream import Upstream

KEYS = {"chat": "sk-upstream-chat-1", "anth": "sk-upstream-anth-2", "down": "sk-upstream-down-3"}
CLIENT_KEY = "sk-client-of-ours-4"
CONFIG = {
    "combos": {"stack": ["chat/busy", "down/gone", "anth/good"], "lost": ["chat/busy"]},
    "retry": {"request-retry": 0},
    "cooldown": {"base": "1ms", "cap": "1ms"},
}


def config(upstream: Upstream) -> dict[str, object]:
    providers = [
        {"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": KEYS["chat"]},
        {"name": "anth", "format": "anthropic", "base-url": upstream.url, "api-key": KEYS["anth"]},
        {"name": "down", "base-url": f"http://127.0.0.1:{free_port()}/v1", "api-key": KEYS["down"]},
    ]
    return {"providers": providers, **CONFIG}


@pytest.fixture(scope="module")
def planned() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.on("busy", always=refusing(CHAT, 429), path=CHAT.path)
        upstream.on("good", always=saying(ANTHROPIC), path=ANTHROPIC.path)
        upstream.on("plain", always=saying(CHAT), path=CHAT.path)
        upstream.on("cut", always=chunked(*CHAT.events(Answer(text=f"{PARTIAL} and"))[:3], CUT))
        yield upstream


def ask(router: Router, model: str) -> httpx2.Response:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Well?"}]}
    with httpx2.Client(base_url=router.url, trust_env=False, timeout=30) as client:
        return client.post(CHAT.path, json=body, headers={"authorization": f"Bearer {CLIENT_KEY}"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What one call left behind."""

    answer: httpx2.Response
    call: mhttp.HTTPFlow
    attempts: list[mhttp.HTTPFlow]


def run(directory: Path, upstream: Upstream, models: list[str], *args: str) -> dict[str, Kept]:
    """A call of each model through a router that saves flows."""
    dump = directory / "flows.mitm"
    with Router(directory, config(upstream), "-w", str(dump), *args) as router:
        answers = [ask(router, model) for model in models]
    saved = dump.read_bytes()
    assert not any(key.encode() in saved for key in (*KEYS.values(), CLIENT_KEY))
    with dump.open("rb") as file:
        flows = [f for f in mio.FlowReader(file).stream() if isinstance(f, mhttp.HTTPFlow)]
    calls = [f for f in flows if ATTEMPT not in f.metadata]
    assert len(calls) == len(models)
    return {
        model: Kept(answer, call, [f for f in flows if f is not call and _of(f, call)])
        for model, answer, call in zip(models, answers, calls, strict=True)
    }


def _of(flow: mhttp.HTTPFlow, call: mhttp.HTTPFlow) -> bool:
    return flow.metadata.get(REQUEST) == call.id


@pytest.fixture(scope="module")
def kept(planned: Upstream, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kept]:
    models = ["stack", "chat/cut", "lost", "chat/plain"]
    return run(tmp_path_factory.mktemp("attempts"), planned, models)


def test_every_failed_attempt_is_a_flow_and_so_is_a_translated_answer(
    kept: dict[str, Kept],
) -> None:
    of = kept["stack"]
    assert GOOD in of.answer.text
    assert [flow.metadata[ATTEMPT] for flow in of.attempts] == [1, 2, 3]
    short = of.call.id[:8]
    refused, unreachable, good = of.attempts
    assert refused.comment.startswith(f"↳ chat 429 quota -> down, attempt 1 of stack for {short}; ")
    assert unreachable.comment.startswith("↳ down connect ")
    assert f" -> anth, attempt 2 of stack for {short}; " in unreachable.comment
    assert good.comment == f"↳ anth ok, anthropic for openai-chat, attempt 3 of stack for {short}"
    triangle, diamond = ":small_red_triangle:", ":small_blue_diamond:"
    assert [flow.marked for flow in of.attempts] == [triangle, triangle, diamond]


def test_an_attempts_flow_is_what_was_sent_and_what_came_back(
    kept: dict[str, Kept], planned: Upstream
) -> None:
    refused, unreachable, good = kept["stack"].attempts
    assert refused.request.url == f"{planned.url}/v1/chat/completions"
    assert refused.request.headers["authorization"] == "Bearer ***"
    assert json.loads(refused.request.content or b"")["model"] == "busy"
    assert refused.response and refused.response.status_code == 429
    assert "error" in json.loads(refused.response.content or b"")
    assert unreachable.response is None
    assert unreachable.error and unreachable.error.msg
    (sent,) = [r for r in planned.requests if r.model == "good"]
    assert good.request.url == f"{planned.url}/v1/messages"
    assert good.request.headers["x-api-key"] == "***"
    assert good.request.content == sent.body
    assert good.response and b"message_start" in (good.response.content or b"")
    started = [kept["stack"].call, refused, unreachable, good]
    times = [flow.request.timestamp_start for flow in started]
    assert times == sorted(times)


def test_the_stream_that_the_client_got_is_kept(kept: dict[str, Kept]) -> None:
    for of in kept.values():
        assert of.call.response
        assert of.call.response.content == of.answer.content


def test_an_answer_that_broke_off_is_kept_as_far_as_it_went(kept: dict[str, Kept]) -> None:
    of = kept["chat/cut"]
    (cut,) = of.attempts
    assert PARTIAL in of.answer.text
    assert "chat reset" in cut.comment or "chat cut" in cut.comment
    assert cut.response and PARTIAL.encode() in (cut.response.content or b"")
    assert cut.error


def test_the_last_failure_says_that_it_was_given_up(kept: dict[str, Kept]) -> None:
    of = kept["lost"]
    (refused,) = of.attempts
    assert of.answer.status_code == 429
    assert "chat 429 quota -> given up" in refused.comment
    assert of.call.marked == ":red_circle:"


def test_an_answer_at_once_in_the_clients_format_is_its_own_flow_alone(
    kept: dict[str, Kept],
) -> None:
    assert kept["chat/plain"].attempts == []


def test_all_attempts_are_flows_where_the_option_says_so(planned: Upstream, tmp_path: Path) -> None:
    more = run(tmp_path, planned, ["chat/plain", "stack"], "--set", "switchyard_attempts=all")
    assert len(more["chat/plain"].attempts) == 1
    assert len(more["stack"].attempts) == 3


def test_the_exchange_log_has_every_call_whether_or_not_flows_are_kept(
    planned: Upstream, tmp_path: Path
) -> None:
    log = {"exchange-log": {"dir": str(tmp_path / "log")}}
    with Router(tmp_path, {**config(planned), **log}) as router:
        answers = {model: ask(router, model) for model in ("stack", "chat/plain", "no-such")}
    folders = sorted((tmp_path / "log").iterdir())
    facts = [json.loads((folder / "exchange.json").read_bytes()) for folder in folders]
    assert [fact["model"] for fact in facts] == ["stack", "chat/plain", "no-such"]
    assert [fact["status"] for fact in facts] == [200, 200, 404]
    whole, plain, unknown = ({path.name for path in folder.iterdir()} for folder in folders)
    client = {"exchange.json", "client-request.http", "client-request.json", "client-response.http"}
    assert unknown == {*client, "client-response.json"}
    assert plain == {*client, "client-response.sse", *_files(1, "sse")}
    assert whole == {
        *client,
        "client-response.sse",
        *_files(1, "json"),
        *("attempt-2-request.http", "attempt-2-request.json", "attempt-2-error.txt"),
        *_files(3, "sse"),
    }
    told = facts[0]
    assert [attempt["outcome"] for attempt in told["attempts"]][::2] == [
        "chat 429 quota",
        "anth ok, anthropic for openai-chat",
    ]
    assert told["tokens"]["output"] == 13
    assert (folders[0] / "client-response.sse").read_bytes() == answers["stack"].content
    everything = b"".join(path.read_bytes() for folder in folders for path in folder.iterdir())
    assert b"authorization: Bearer ***" in everything
    assert not any(key.encode() in everything for key in (*KEYS.values(), CLIENT_KEY))


def _files(number: int, ending: str) -> set[str]:
    name = f"attempt-{number}"
    request = {f"{name}-request.http", f"{name}-request.json"}
    return request | {f"{name}-response.http", f"{name}-response.{ending}"}


def test_mitmdump_prints_streams_when_asked_for_bodies(planned: Upstream, tmp_path: Path) -> None:
    with Router(tmp_path, config(planned), "--set", "flow_detail=3") as router:
        printed = router.will_log("stopped: ")
        assert ask(router, "chat/plain").status_code == 200
        printed.wait()
        assert GOOD in router.log
