"""Which state a configuration's words open."""

from pathlib import Path

import pytest

from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.opening import StateError
from switchyard.state.shared.opening import open_state
from switchyard.state.shared.protocol import MOST
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Period
from switchyard.state.shared.protocol import Sliding


@pytest.mark.parametrize("where", ["", "memory"])
async def test_memory(where: str, tmp_path: Path) -> None:
    state = open_state(where, file=tmp_path / "state.sqlite")
    assert isinstance(state, MemoryState)
    await state.start()
    await state.turn("pool")
    await state.close()
    assert (tmp_path / "state.sqlite").is_file()


async def test_served(tmp_path: Path) -> None:
    state = open_state(f"served:{tmp_path}/state.sock")
    assert state.health.way == "served"
    await state.close()


@pytest.mark.parametrize(
    "where", ["redis://127.0.0.1:1/3", "rediss://:secret@[::1]:1", "unix:///x", "valkey://[::1]:1"]
)
async def test_redis(where: str) -> None:
    pytest.importorskip("redis")
    state = open_state(where)
    assert state.health.way == "redis"
    await state.close()


@pytest.mark.parametrize("where", ["redis://:secret@h:port", "postgres://secret", "secret", "://"])
def test_what_cannot_be_opened_is_told_without_secrets(where: str) -> None:
    with pytest.raises(StateError) as caught:
        open_state(where)
    assert "secret" not in str(caught.value) and len(str(caught.value)) < 160


def test_valkey_is_spoken_to_like_redis() -> None:
    pytest.importorskip("redis")
    with pytest.raises(StateError):
        open_state("valkeysx://h")


@pytest.mark.parametrize(
    ("kind", "period", "enforce", "counter"),
    [
        ("slots", None, True, "a|slots"),
        ("tokens", Sliding(60), True, "a|tokens|60s"),
        ("money", Calendar("week"), True, "a|money|week"),
        ("money", Calendar("week"), False, "a|money|week|shadow"),
    ],
)
def test_counters_have_names(
    kind: AmountKind, period: Period | None, enforce: bool, counter: str
) -> None:
    limit = Limit(key="a", kind=kind, most=1, period=period, enforce=enforce)
    assert limit.counter == counter


@pytest.mark.parametrize("most", [-1, 2**53])
def test_limits_are_within_what_all_ways_can_count(most: int) -> None:
    with pytest.raises(ValueError, match="a limit is"):
        Limit(key="a", kind="money", most=most, period=Sliding(60))


def test_amounts_are_brought_within_bounds() -> None:
    amounts = Amounts(requests=-1, tokens=10**30, input=5, money=MOST)
    assert amounts == Amounts(requests=0, tokens=MOST, input=5, money=MOST)


@pytest.mark.parametrize(("kind", "period"), [("slots", Sliding(60)), ("money", None)])
def test_slots_and_only_slots_have_no_period(kind: AmountKind, period: Period | None) -> None:
    with pytest.raises(ValueError, match="slots have no period"):
        Limit(key="a", kind=kind, most=1, period=period)
