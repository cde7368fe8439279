"""Sessions that failed over stay where their prompt cache is, and come back when it is cold."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.upstream import Upstream

LATER = ROOT / "tests" / "support" / "later.py"
COMBOS = {
    "default": ["one/first", "two/second"],
    "at-once": {"members": ["one/first", "two/second"], "return": "at-once"},
    "never": {"members": ["one/first", "two/twice"], "return": "never"},
}


@pytest.fixture
def router(upstream: Upstream, start_router: Callable[..., Router]) -> Iterator[Router]:
    providers = [
        {"name": name, "format": "anthropic", "base-url": upstream.url, "api-key": f"sk-{name}"}
        for name in ("one", "two")
    ]
    config = {
        "providers": providers,
        "combos": COMBOS,
        "retry": {"request-retry": 0},
        "cooldown": {"base": "1ms", "cap": "1ms"},
    }
    first = saying(ANTHROPIC, Answer(text="first"))
    upstream.on("first", refusing(ANTHROPIC, 529), always=first)
    second = saying(ANTHROPIC, Answer(text="second"))
    upstream.on("second", always=second)
    upstream.on("twice", second, second, refusing(ANTHROPIC, 529))
    yield start_router(config, "-s", str(LATER))


def ask(
    router: Router, model: str, session: str = "s-1", later: float = 0.0, ttl: str = "5m"
) -> str:
    """One streamed request of a session, `later` seconds later; which member answered."""
    mark = {"type": "ephemeral", "ttl": ttl}
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 100,
        "stream": True,
        "system": [{"type": "text", "text": "You help.", "cache_control": mark}],
        "messages": [{"role": "user", "content": f"Hello from {session}"}],
    }
    headers = {
        "x-api-key": "k",
        "x-claude-code-session-id": session,
        "x-test-later": str(later),
    }
    answer = httpx2.post(
        router.url + ANTHROPIC.path, json=body, headers=headers, trust_env=False, timeout=30
    )
    assert answer.status_code == 200, answer.text
    (found,) = [name for name in ("first", "second") if f'"{name}"' in answer.text]
    return found


def test_a_session_stays_where_its_cache_is_warm(router: Router) -> None:
    assert ask(router, "default") == "second"
    assert ask(router, "default", "s-2") == "first", "the first member is back"
    assert ask(router, "default") == "second"
    assert ask(router, "default", later=290) == "second"
    assert ask(router, "default", later=310) == "first"
    assert ask(router, "default") == "first"


def test_a_cache_written_for_an_hour_keeps_it_for_an_hour(router: Router) -> None:
    assert ask(router, "default", ttl="1h") == "second"
    assert ask(router, "default", later=3500, ttl="1h") == "second"
    assert ask(router, "default", later=3700, ttl="1h") == "first"


def test_at_once(router: Router) -> None:
    assert [ask(router, "at-once") for _ in range(3)] == ["second", "first", "first"]


def test_never(router: Router) -> None:
    assert ask(router, "never") == "second"
    assert ask(router, "never", later=1e6) == "second"
    assert ask(router, "never") == "first"
