"""Another member goes on with a stream that broke off."""

import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.integration.e2e.asking import ask
from tests.integration.e2e.patience.arena import SIGN
from tests.integration.e2e.patience.arena import Arena
from tests.integration.e2e.patience.arena import clients
from tests.integration.e2e.patience.arena import question
from tests.integration.e2e.patience.arena import targets
from tests.integration.e2e.patience.arena import until_idle
from tests.integration.e2e.patience.arena import upstreams
from tests.integration.e2e.stage import CLIENT_KEY
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.reading import read_sse
from tests.support.reading import read_stream
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Behaviour
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import Recorded


def begun(dialect: Dialect, *words: str) -> list[bytes]:
    """A stream's events up to these words."""
    return [*dialect.opening(Answer()), *dialect.begin_text(), *map(dialect.text, words)]


FIRST, REST = ("The fox", " jumps over"), (" the lazy", " dog.")
TEXT = "".join(FIRST + REST)


def breaking(dialect: Dialect, how: str, *words: str) -> Behaviour:
    """Breaks off after these words."""
    broken: dict[str, tuple[Any, ...]] = {
        "cut": (CUT,),
        "reset": (RESET,),
        "stall": (HANG,),
        "early-end": (),
        "error-event": (dialect.error_event("overloaded_error", BAD),),
    }
    return chunked(*begun(dialect, *words), *broken[how])


def continuing(dialect: Dialect, *words: str) -> Behaviour:
    return chunked(*begun(dialect, *words), *dialect.closing(Answer()))


def assert_asked_to_go_on(request: Recorded, said: str) -> None:
    *history, before, last = request.json["messages"]
    assert (before["role"], last["role"]) == ("assistant", "user")
    assert said in json.dumps(before) and "Continue it exactly" in json.dumps(last)
    assert "Well?" in json.dumps(history)


@clients
@upstreams
@pytest.mark.parametrize("how", ["cut", "stall", "error-event"])
async def test_the_next_member_goes_on(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect, how: str
) -> None:
    combo = arena.combo("stalled" if how == "stall" else "continued", dialect)
    first = combo.on("a", breaking(dialect, how, *FIRST))
    second = combo.on("b", continuing(dialect, *REST))
    answer = await http.post(client.path, json=question(combo, stream=True))
    told = read_stream(client.name, answer.content)  # pyright: ignore
    assert BAD not in answer.text
    assert (told.text, told.error) == (TEXT, None)
    assert told.stop in ("stop", "end_turn")
    assert len(first.requests[0].json["messages"]) == 1
    assert_asked_to_go_on(second.requests[0], "".join(FIRST))
    await until_idle(http, combo)
    rows = await targets(http, combo)
    assert rows["a"]["failures"] == 1 and rows["b"]["failures"] == 0


@upstreams
@pytest.mark.parametrize("how", ["reset", "early-end"])
def test_the_sdks_read_one_text(arena: Arena, dialect: Dialect, how: str) -> None:
    made: list[openai.OpenAI | anthropic.Anthropic] = [
        openai.OpenAI(base_url=f"{arena.router.url}/v1", api_key=CLIENT_KEY, max_retries=0),
        anthropic.Anthropic(base_url=arena.router.url, api_key=CLIENT_KEY, max_retries=0),
    ]
    for client in made:
        combo = arena.combo("continued", dialect)
        combo.on("a", breaking(dialect, how, *FIRST))
        combo.on("b", breaking(dialect, how, REST[0]))
        third = combo.on("c", continuing(dialect, REST[1]))
        with client:
            told = ask(client, combo.name, "helper")
        assert told.text == TEXT and told.stop in ("stop", "end_turn")
        assert_asked_to_go_on(third.requests[0], "".join(FIRST) + REST[0])


@clients
@upstreams
async def test_a_tool_call_is_not_continued(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect
) -> None:
    combo = arena.combo("continued", dialect)
    answer = Answer(text="Hm.").with_calls(Call("call_1", "weather", '{"city": "Oslo"}'))
    events = dialect.events(answer)
    half = next(n for n, e in enumerate(events) if b'{\\"city' in e)
    combo.on("a", chunked(*events[: half + 1], CUT))
    got = await http.post(client.path, json=question(combo, stream=True))
    events_got = [json.loads(data) for _, data in read_sse(got.content) if data != "[DONE]"]
    assert [e for e in events_got if e.get("error")] == events_got[-1:]
    for end in (b"message_stop", b'"stop_reason":"', b'"finish_reason":"'):
        assert end not in got.content
    assert got.content.count(b'"weather"') == 1
    await until_idle(http, combo)


@clients
@upstreams
@pytest.mark.parametrize("last", ["breaks", "refuses"])
async def test_when_nobody_can_go_on_the_stream_tells_it_once(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect, last: str
) -> None:
    combo = arena.combo("continued", dialect)
    combo.on("a", breaking(dialect, "cut", *FIRST))
    combo.on("b", breaking(dialect, "cut", REST[0]))
    ending = breaking(dialect, "cut", REST[1]) if last == "breaks" else refusing(dialect, 500)
    combo.on("c", ending)
    answer = await http.post(client.path, json=question(combo, stream=True))
    told = read_stream(client.name, answer.content)  # pyright: ignore
    assert told.error and told.kinds.count("error") == 1
    assert told.text == (TEXT if last == "breaks" else "".join(FIRST) + REST[0])
    await until_idle(http, combo)


@clients
async def test_a_continuation_is_hedged_and_kept_alive(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect
) -> None:
    combo = arena.combo("careful", CHAT)
    gate = Signal()
    combo.on("a", breaking(CHAT, "cut", *FIRST))
    slow = combo.on("b", (HANG,))
    third = combo.on("c", (Wait(slow.arrived), Wait(gate), *continuing(CHAT, *REST)))
    got = bytearray()
    path, body = client.path, question(combo, stream=True)
    async with http.stream("POST", path, json=body) as answer:
        async for piece in answer.aiter_raw():
            got += piece
            if got.count(SIGN[client.name]) >= 2:
                gate.set()
    told = read_stream(client.name, bytes(got))  # pyright: ignore
    assert (told.text, told.error) == (TEXT, None)
    assert_asked_to_go_on(third.requests[0], "".join(FIRST))
    await slow.requests[0].gone.seen()
    await until_idle(http, combo)
