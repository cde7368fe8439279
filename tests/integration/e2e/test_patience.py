"""What the router does while it waits: hedges, continued streams, signs of life, recoveries.

Every test has providers of its own, so that nothing is held against them from another.
"""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.integration.e2e.asking import ask
from tests.integration.e2e.stage import CLIENT_KEY
from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.reading import Told
from tests.support.reading import read_body
from tests.support.reading import read_sse
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Behaviour
from tests.support.steps import Reaction
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Plan
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

clients = pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-client")
upstreams = pytest.mark.parametrize(
    "dialect", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-upstream"
)
streamed = pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])

KINDS: dict[str, dict[str, Any]] = {
    "hedged": {"hedge-after": "50ms"},
    "continued": {"continue-streams": True},
    "careful": {"hedge-after": "50ms", "continue-streams": True},
    "patient": {"wait-for-recovery": "10s"},
    "plain": {},
}
MEMBERS = ("a", "b", "c")
WINDOWS = {"a": 8_000, "b": 4_000, "c": 100_000}
OF_EACH = {"hedged": 20, "continued": 20, "careful": 3, "patient": 8, "plain": 24}

SIGN = {"openai-chat": b": ", "anthropic": b"event: ping\n"}
"""What begins a sign of life. An Anthropic upstream's own ping passes too."""


@dataclass(frozen=True, slots=True)
class Combo:
    """A combo of the test's own, of members a, b and c."""

    name: str
    dialect: Dialect
    upstream: Upstream

    def on(self, member: str, *reactions: Reaction, **options: Any) -> Plan:
        return self.upstream.on(f"{self.name}-{member}", *reactions, **options)

    def provider(self, member: str) -> str:
        return f"{self.name}-{member}"


@dataclass(slots=True)
class Arena:
    """A router with many combos of each kind, none used twice."""

    router: Router
    upstream: Upstream
    numbers: dict[tuple[str, str], Iterator[int]]

    def combo(self, kind: str, dialect: Dialect) -> Combo:
        number = next(self.numbers[kind, dialect.name])
        assert number < OF_EACH[kind], f"make more combos of kind {kind!r}"
        return Combo(_name(kind, dialect, number), dialect, self.upstream)


def _name(kind: str, dialect: Dialect, number: int) -> str:
    return f"{kind}-{dialect.name}-{number}"


def _configuration(url: str, silence: str) -> dict[str, Any]:
    providers, combos = [], {}
    names = [
        (kind, dialect, _name(kind, dialect, number))
        for kind, dialect in itertools.product(KINDS, (CHAT, ANTHROPIC))
        for number in range(OF_EACH[kind])
    ]
    for kind, dialect, name in names:
        for member in MEMBERS:
            own = f"{name}-{member}"
            provider: dict[str, Any] = {
                "name": own,
                "format": dialect.name,
                "base-url": url,
                "api-key-entries": ["sk-1"],
                "models": [{"name": own, "context-window": WINDOWS[member]}],
            }
            if kind == "continued":
                provider["timeouts"] = {"between-chunks": "300ms"}
            providers.append(provider)
        combos[name] = {"members": [f"{name}-{m}/{name}-{m}" for m in MEMBERS], **KINDS[kind]}
    return {
        "providers": providers,
        "combos": combos,
        "heartbeat": {"after": silence, "every": silence},
        "retry": {"request-retry": 0},
        "cooldown": {"base": "300ms", "cap": "300ms", "jitter": 0},
    }


@contextmanager
def _arena(directory: Path, silence: str) -> Iterator[Arena]:
    with (
        Upstream() as upstream,
        Router(directory, _configuration(upstream.url, silence)) as router,
    ):
        yield Arena(router, upstream, defaultdict(itertools.count))


@pytest.fixture(scope="module")
def whole_arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with _arena(tmp_path_factory.mktemp("arena"), "100ms") as arena:
        yield arena


@pytest.fixture(scope="module")
def quiet_arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """Without signs of life: with its first one, a stream's status is settled."""
    with _arena(tmp_path_factory.mktemp("quiet"), "1h") as arena:
        yield arena


@pytest.fixture
def arena(whole_arena: Arena) -> Iterator[Arena]:
    yield whole_arena
    _all_was_planned(whole_arena)


@pytest.fixture
def quiet(quiet_arena: Arena) -> Iterator[Arena]:
    yield quiet_arena
    _all_was_planned(quiet_arena)


def _all_was_planned(arena: Arena) -> None:
    unplanned = [(r.model, r.body) for r in arena.upstream.unscripted]
    arena.upstream.unscripted.clear()
    assert not unplanned


@pytest.fixture
async def http(arena: Arena) -> Any:
    async with client_of(arena) as client:
        yield client


def client_of(arena: Arena) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=arena.router.url, timeout=30, trust_env=False)


def question(combo: Combo, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Well?"}]
    return {"model": combo.name, "messages": said, "max_tokens": 99, **more}


def read(client: Dialect, answer: httpx2.Response, stream: bool) -> Told:
    return (read_stream if stream else read_body)(client.name, answer.content)  # pyright: ignore


def begun(dialect: Dialect, *words: str) -> list[bytes]:
    """A stream's events up to these words."""
    return [*dialect.opening(Answer()), *dialect.begin_text(), *map(dialect.text, words)]


def is_whole_answer(told: Told) -> bool:
    return told.error is None and told.text == Answer().text and told.stop in ("stop", "end_turn")


async def targets(http: httpx2.AsyncClient, combo: Combo) -> dict[str, dict[str, Any]]:
    """What /v0/health/providers tells of a combo's members, by letter."""
    health = (await http.get("/v0/health/providers")).json()
    return {
        provider["name"][-1]: row
        for provider in health["providers"]
        for row in provider["targets"]
        if provider["name"].startswith(f"{combo.name}-")
    }


async def in_flight(http: httpx2.AsyncClient, combo: Combo) -> int:
    return sum(row["in-flight"] for row in (await targets(http, combo)).values())


async def until(holds: Callable[[dict[str, Any]], bool], http: Any, combo: Combo) -> None:
    """Returns once the combo's health is so."""
    async with asyncio.timeout(PATIENCE):
        while not holds(await targets(http, combo)):
            await asyncio.sleep(0.01)


# Hedging


@streamed
@clients
@upstreams
@pytest.mark.parametrize("slow", ["before-head", "before-output"])
async def test_a_slow_member_is_overtaken(
    arena: Arena,
    http: httpx2.AsyncClient,
    client: Dialect,
    dialect: Dialect,
    stream: bool,
    slow: str,
) -> None:
    combo = arena.combo("hedged", dialect)
    said: tuple[bytes, ...] = () if slow == "before-head" else tuple(dialect.opening(Answer()))
    loser = combo.on("a", chunked(*said, HANG) if said else (HANG,))
    winner = combo.on("b", saying(dialect))
    answer = await http.post(client.path, json=question(combo, stream=stream))
    assert is_whole_answer(read(client, answer, stream)), answer.text
    assert answer.headers["x-switchyard-provider"] == combo.provider("b")
    assert answer.headers["x-switchyard-model"] == winner.requests[0].model
    assert answer.headers["x-switchyard-attempts"] == "2"
    await loser.requests[0].gone.seen()
    assert await in_flight(http, combo) == 0
    rows = await targets(http, combo)
    assert rows["a"]["failures"] == 0, "slow is not ill"
    assert rows["b"]["successes"] == 1


@streamed
@clients
async def test_the_first_member_may_win_after_all(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, stream: bool
) -> None:
    combo = arena.combo("hedged", CHAT)
    gate = Signal()
    combo.on("a", lambda request: (Wait(gate), *saying(CHAT)(request)))
    rival = combo.on("b", (HANG,))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo, stream=stream)))
    await rival.arrived.seen()
    gate.set()
    answer = await asking
    assert is_whole_answer(read(client, answer, stream)), answer.text
    assert answer.headers["x-switchyard-provider"] == combo.provider("a")
    await rival.requests[0].gone.seen()
    assert await in_flight(http, combo) == 0


@clients
async def test_a_rival_that_fails_changes_nothing(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect
) -> None:
    combo = arena.combo("hedged", ANTHROPIC)
    gate = Signal()
    combo.on("a", lambda request: (Wait(gate), *saying(ANTHROPIC)(request)))
    rival = combo.on("b", refusing(ANTHROPIC, 500, message=BAD))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo, stream=True)))
    await rival.arrived.seen()
    await until(lambda rows: rows.get("b", {}).get("failures") == 1, http, combo)
    gate.set()
    answer = await asking
    assert BAD not in answer.text and is_whole_answer(read(client, answer, True))
    assert await in_flight(http, combo) == 0


@streamed
@clients
async def test_hedged_and_all_fail(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, stream: bool
) -> None:
    combo = arena.combo("hedged", CHAT)
    gate = Signal()
    combo.on("a", (Wait(gate), *refusing(CHAT, 500, message="ill")))
    rival = combo.on("b", (Wait(gate), RESET))
    combo.on("c", refusing(CHAT, 503, message="busy"))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo, stream=stream)))
    await rival.arrived.seen()
    gate.set()
    answer = await asking
    told = read(client, answer, answer.status_code == 200)
    assert told.error and told.text == ""
    assert await in_flight(http, combo) == 0


async def test_a_client_that_leaves_ends_both(arena: Arena, http: httpx2.AsyncClient) -> None:
    combo = arena.combo("hedged", CHAT)
    first, rival = combo.on("a", (HANG,)), combo.on("b", (HANG,))
    combo.on("c", always=(HANG,))
    asking = asyncio.ensure_future(http.post(CHAT.path, json=question(combo, stream=True)))
    await rival.arrived.seen()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await first.requests[0].gone.seen()
    await rival.requests[0].gone.seen()
    await until(lambda rows: not any(r["in-flight"] for r in rows.values()), http, combo)
    assert not any(row["failures"] for row in (await targets(http, combo)).values())


# Continued streams

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
    combo = arena.combo("continued", dialect)
    first = combo.on("a", breaking(dialect, how, *FIRST))
    second = combo.on("b", continuing(dialect, *REST))
    answer = await http.post(client.path, json=question(combo, stream=True))
    told = read_stream(client.name, answer.content)  # pyright: ignore
    assert BAD not in answer.text
    assert (told.text, told.error) == (TEXT, None)
    assert told.stop in ("stop", "end_turn")
    assert len(first.requests[0].json["messages"]) == 1
    assert_asked_to_go_on(second.requests[0], "".join(FIRST))
    assert await in_flight(http, combo) == 0
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
    assert await in_flight(http, combo) == 0


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
    assert await in_flight(http, combo) == 0


@clients
async def test_a_continuation_is_hedged_and_kept_alive(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect
) -> None:
    combo = arena.combo("careful", CHAT)
    gate = Signal()
    combo.on("a", breaking(CHAT, "cut", *FIRST))
    slow = combo.on("b", (HANG,))
    third = combo.on("c", (Wait(gate), *continuing(CHAT, *REST)))
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
    assert await in_flight(http, combo) == 0


# Signs of life


@clients
async def test_json_clients_get_no_signs_of_life(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect
) -> None:
    """A streaming client's beats are the clock: meanwhile the other's head must not be sent."""
    combo, clock = arena.combo("plain", CHAT), arena.combo("plain", CHAT)
    gate = Signal()
    for member in MEMBERS:
        combo.on(member, (Wait(gate), *refusing(CHAT, 503, message="busy")))
    clock.on("a", lambda request: (Wait(gate), *saying(CHAT)(request)))
    asking = asyncio.ensure_future(http.post(client.path, json=question(combo)))
    got = bytearray()
    path, body = client.path, question(clock, stream=True)
    async with http.stream("POST", path, json=body) as beating:
        async for piece in beating.aiter_raw():
            got += piece
            if got.count(SIGN[client.name]) >= 3:
                gate.set()
    assert is_whole_answer(read_stream(client.name, bytes(got)))  # pyright: ignore
    answer = await asking
    assert answer.status_code == 503
    assert read_body(client.name, answer.content).error  # pyright: ignore


# Recovery


def refused_for_a_second(dialect: Dialect) -> Behaviour:
    kind = "rate_limit_error" if dialect is ANTHROPIC else "rate_limit_exceeded"
    return refusing(dialect, 429, kind, "slow down", headers=[("retry-after", "1")])


@streamed
@clients
@upstreams
async def test_the_client_is_answered_after_the_recovery(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect, stream: bool
) -> None:
    combo = arena.combo("patient", dialect)
    plans = [combo.on(member, refused_for_a_second(dialect), saying(dialect)) for member in MEMBERS]
    answer = await http.post(client.path, json=question(combo, stream=stream))
    assert is_whole_answer(read(client, answer, stream)), answer.text
    answered = next(plan for plan in plans if len(plan.requests) == 2)
    refused, recovered = answered.requests
    assert recovered.arrived - refused.arrived >= 1.0
    if stream:
        assert answer.content.count(SIGN[client.name]) >= 3
    assert await in_flight(http, combo) == 0


@streamed
@clients
@upstreams
async def test_without_patience_the_client_is_told_when_to_return(
    quiet: Arena, client: Dialect, dialect: Dialect, stream: bool
) -> None:
    combo = quiet.combo("plain", dialect)
    for member in MEMBERS:
        combo.on(member, refused_for_a_second(dialect))
    async with client_of(quiet) as http:
        for _ in range(2):  # the second request is refused without asking anybody
            answer = await http.post(client.path, json=question(combo, stream=stream))
            assert answer.status_code == 429, answer.text
            assert answer.headers["retry-after"] == "1"
            assert read(client, answer, False).error


async def test_a_client_that_leaves_waits_for_nothing(
    arena: Arena, http: httpx2.AsyncClient
) -> None:
    combo = arena.combo("patient", CHAT)
    for member in MEMBERS:
        combo.on(member, refused_for_a_second(CHAT))
    async with http.stream("POST", CHAT.path, json=question(combo, stream=True)) as answer:
        async for piece in answer.aiter_raw():
            assert SIGN["openai-chat"] in piece
            break  # it waits, and the client leaves
    async with asyncio.timeout(PATIENCE):
        while (await http.get("/health")).json()["running"]:
            await asyncio.sleep(0.01)
    assert await in_flight(http, combo) == 0


# Context windows


def too_long(dialect: Dialect) -> Behaviour:
    if dialect is ANTHROPIC:
        said = "prompt is too long: 208310 tokens > 200000 maximum"
        return refusing(dialect, 400, "invalid_request_error", said)
    said = "This model's maximum context length is 8192 tokens."
    return refusing(dialect, 400, "invalid_request_error", said, code="context_length_exceeded")


@streamed
@clients
@upstreams
async def test_what_is_too_long_goes_to_a_larger_window(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect, stream: bool
) -> None:
    """Member b has a smaller window than a, and is not asked at all."""
    combo = arena.combo("plain", dialect)
    combo.on("a", too_long(dialect))
    combo.on("c", saying(dialect))
    answer = await http.post(client.path, json=question(combo, stream=stream))
    assert is_whole_answer(read(client, answer, stream)), answer.text
    rows = await targets(http, combo)
    assert "b" not in rows and rows["a"]["state"] == "closed"


@clients
@upstreams
async def test_what_is_too_long_for_all_is_told_in_the_clients_words(
    quiet: Arena, client: Dialect, dialect: Dialect
) -> None:
    combo = quiet.combo("plain", dialect)
    combo.on("a", too_long(dialect))
    combo.on("c", too_long(dialect))
    async with client_of(quiet) as http:
        answer = await http.post(client.path, json=question(combo, stream=True))
    assert answer.status_code == 400
    told = read(client, answer, False)
    said = "prompt is too long" if client is ANTHROPIC else "context"
    assert told.error and said in told.error["message"]
    if client is CHAT:
        assert told.error["code"] == "context_length_exceeded"


# Health


async def test_a_cooldown_and_its_probe_are_told(arena: Arena, http: httpx2.AsyncClient) -> None:
    combo = arena.combo("plain", CHAT)
    gate = Signal()
    probed = combo.on(
        "a",
        refusing(CHAT, 503, message="on fire"),
        lambda request: (Wait(gate), *saying(CHAT)(request)),
        always=saying(CHAT),
    )
    others = combo.on("b", always=saying(CHAT))

    async def answered_by() -> str:
        answer = await http.post(CHAT.path, json=question(combo))
        assert is_whole_answer(read(CHAT, answer, False))
        return answer.headers["x-switchyard-provider"][-1]

    assert await answered_by() == "b"
    ill = (await targets(http, combo))["a"]
    assert ill["state"] == "open" and 0 < ill["returns-in"] <= 0.3
    assert ill["last-error"]["status"] == 503
    assert ill["last-error"]["message"] == "HTTP status 503 (server_error)", "not its words"

    await until(lambda rows: rows["a"]["state"] != "open", http, combo)
    probe = asyncio.ensure_future(answered_by())
    await until(lambda rows: rows["a"]["in-flight"] == 1, http, combo)
    for _ in range(3):
        assert await answered_by() == "b", "one request probes, the others go elsewhere"
    assert (await targets(http, combo))["a"]["state"] == "half-open"
    gate.set()
    assert await probe == "a"
    assert (await targets(http, combo))["a"]["state"] == "closed"
    assert await answered_by() == "a"
    assert (len(probed.requests), len(others.requests)) == (3, 4)


def test_the_status_command_tells_the_same(
    tmp_path: Path, start_router: Callable[..., Router], upstream: Upstream
) -> None:
    told = tmp_path / "told.json"
    script = tmp_path / "tell.py"
    script.write_text(
        "from pathlib import Path\n"
        "from mitmproxy import ctx\n\n\n"
        "def response(flow):\n"
        "    said = ctx.master.commands.call('switchyard.status')\n"
        f"    Path({str(told)!r}).write_text(said)\n"
    )
    upstream.on("m", whole(CHAT.whole(Answer())))
    provider = {"name": "p", "base-url": upstream.url, "api-key-entries": ["sk-1"]}
    router = start_router({"providers": [provider]}, "-s", str(script))
    body = {"model": "p/m", "messages": [{"role": "user", "content": "Well?"}]}
    assert httpx2.post(router.url + CHAT.path, json=body).status_code == 200
    by_command = json.loads(told.read_text())
    by_address = httpx2.get(f"{router.url}/v0/health/providers").json()
    assert by_command == by_address
    (row,) = by_command["providers"][0]["targets"]
    assert (row["model"], row["successes"], row["in-flight"]) == ("m", 1, 0)
