"""A router with many combos, so that nothing is held against a test's providers from another."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.reading import Told
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.steps import Reaction
from tests.support.upstream import Plan
from tests.support.upstream import Upstream

clients = pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-client")
upstreams = pytest.mark.parametrize(
    "dialect", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-upstream"
)
streamed = pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])

KINDS: dict[str, dict[str, Any]] = {
    "hedged": {"hedge-after": "50ms"},
    "continued": {"continue-streams": True},
    "stalled": {"continue-streams": True},
    "careful": {"hedge-after": "1s", "continue-streams": True},
    "patient": {"wait-for-recovery": "10s"},
    "plain": {},
}
MEMBERS = ("a", "b", "c")
WINDOWS = {"a": 8_000, "b": 4_000, "c": 100_000}
OF_EACH = {"hedged": 20, "continued": 20, "stalled": 2, "careful": 3, "patient": 8, "plain": 24}

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
            if kind == "stalled" and member == "a":
                provider["timeouts"] = {"between-chunks": "1s"}
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
def open_arena(directory: Path, silence: str) -> Iterator[Arena]:
    with (
        Upstream() as upstream,
        Router(directory, _configuration(upstream.url, silence)) as router,
    ):
        yield Arena(router, upstream, defaultdict(itertools.count))


def client_of(arena: Arena) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=arena.router.url, timeout=30, trust_env=False)


def question(combo: Combo, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Well?"}]
    return {"model": combo.name, "messages": said, "max_tokens": 99, **more}


def read(client: Dialect, answer: httpx2.Response, stream: bool) -> Told:
    return (read_stream if stream else read_body)(client.name, answer.content)  # pyright: ignore


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


async def until(holds: Callable[[dict[str, Any]], bool], http: Any, combo: Combo) -> None:
    """Returns once the combo's health is so."""
    async with asyncio.timeout(PATIENCE):
        while not holds(await targets(http, combo)):
            await asyncio.sleep(0.01)


async def until_idle(http: httpx2.AsyncClient, combo: Combo) -> None:
    """Returns once no attempt of the combo runs."""
    await until(lambda rows: not any(row["in-flight"] for row in rows.values()), http, combo)
