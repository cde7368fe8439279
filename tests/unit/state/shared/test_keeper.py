"""Counters outlive the process that keeps them."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from switchyard.state.shared.keeper import LeaseKeeper
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Sliding

BUDGET = Limit(key="a", kind="money", most=1000, period=Calendar("month"))
DAILY = Limit(key="a", kind="requests", most=10, period=Sliding(86_400))
SLOTS = Limit(key="a", kind="slots", most=5)
LIMITS = (BUDGET, DAILY, SLOTS)
ASK = Ask(limits=LIMITS, amounts=Amounts(money=100), pools=("p",))


async def admit(state: MemoryState) -> LimitLease:
    answer = await state.admit(ASK)
    assert isinstance(answer, Admitted)
    return answer.lease


async def used(state: MemoryState) -> list[tuple[int, int]]:
    return [(one.used, one.reserved) for one in await state.counters(LIMITS)]


async def test_counters_and_turns_go_on(tmp_path: Path) -> None:
    file = tmp_path / "state" / "state.sqlite"
    first = MemoryState(keeper=LeaseKeeper(file))
    await first.start()
    lease = await admit(first)
    await first.settle(lease, Amounts(money=70))
    running = await admit(first)
    assert await used(first) == [(170, 100), (2, 1), (1, 1)]
    await first.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    second = MemoryState(keeper=LeaseKeeper(file))
    await second.start()
    assert await used(second) == [(70, 0), (1, 0), (0, 0)]
    # What ended before is not charged again; what was under way is, once it ends.
    await second.settle(lease, Amounts(money=70))
    await second.settle(running, Amounts(money=5))
    await second.settle(running, Amounts(money=5))
    assert await used(second) == [(75, 0), (2, 0), (0, 0)]
    assert await second.turn("p") == 3
    await second.close()


async def test_who_comes_before_counters_are_read_waits_for_them(tmp_path: Path) -> None:
    state = MemoryState(keeper=LeaseKeeper(tmp_path / "state.sqlite"))
    early = asyncio.ensure_future(admit(state))
    await asyncio.sleep(0)
    assert not early.done() and not state.admit_quickly("1", (), (1, 0, 0, 0, 0))
    await state.start()
    await state.settle(await early, Amounts(money=70))
    assert await used(state) == [(70, 0), (1, 0), (0, 0)]
    assert state.admit_quickly("1", (), (1, 0, 0, 0, 0))
    await state.close()


async def test_who_asks_for_counters_before_they_are_read_waits_for_them(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    first = MemoryState(keeper=LeaseKeeper(file))
    await first.start()
    await first.settle(await admit(first), Amounts(money=70))
    await first.close()
    second = MemoryState(keeper=LeaseKeeper(file))
    early = asyncio.ensure_future(used(second))
    await asyncio.sleep(0)
    await second.start()
    assert await early == [(70, 0), (1, 0), (0, 0)]
    await second.close()


async def test_a_disk_that_is_full_for_a_while_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = LeaseKeeper(tmp_path / "state.sqlite")
    state = MemoryState(keeper=keeper)
    await state.start()
    # A folder in the file's place cannot be opened as a database.
    (tmp_path / "state.sqlite-wal").unlink(missing_ok=True)
    (tmp_path / "state.sqlite-shm").unlink(missing_ok=True)
    (tmp_path / "state.sqlite").mkdir()
    for _ in range(2):
        await state.settle(await admit(state), Amounts(money=10))
        await keeper.save()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    (tmp_path / "state.sqlite").rmdir()
    await state.close()
    again = MemoryState(keeper=LeaseKeeper(tmp_path / "state.sqlite"))
    await again.start()
    assert await used(again) == [(20, 0), (2, 0), (0, 0)]
    await again.close()


@pytest.mark.parametrize("content", [b"no database", b"\0" * 5000])
async def test_a_file_that_is_broken_is_told(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state.sqlite").write_bytes(content)
    state = MemoryState(keeper=LeaseKeeper(tmp_path / "state.sqlite"))
    await state.start()
    assert await used(state) == [(0, 0), (0, 0), (0, 0)]
    assert "Counters begin anew" in caplog.text
    await state.settle(await admit(state), Amounts(money=10))
    await state.close()
    assert (tmp_path / "state.sqlite.broken").read_bytes() == content
    again = MemoryState(keeper=LeaseKeeper(tmp_path / "state.sqlite"))
    await again.start()
    assert (await used(again))[0] == (10, 0)
    await again.close()


async def test_what_is_over_is_deleted(tmp_path: Path) -> None:
    now = 1_793_491_195.0
    keeper = LeaseKeeper(tmp_path / "state.sqlite", clock=lambda: now)
    state = MemoryState(lambda: now, keeper)
    await state.start()
    await state.settle(await admit(state), Amounts(money=10))
    await keeper.save()
    now += 500 * 86_400
    await keeper.save()
    await state.close()
    with sqlite3.connect(tmp_path / "state.sqlite") as db:
        for table in ("counters", "ended"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    db.close()


async def test_nothing_is_written_where_nothing_is_limited(tmp_path: Path) -> None:
    state = MemoryState(keeper=LeaseKeeper(tmp_path / "state.sqlite"))
    await state.start()
    await state.admit(Ask())
    await state.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_router_that_follows_another_keeps_the_counters(tmp_path: Path) -> None:
    """It begins while the other one still has the file, and writes once that has ended."""
    file = tmp_path / "state.sqlite"
    first = MemoryState(keeper=(writer := LeaseKeeper(file)))
    await first.start()
    await first.settle(await admit(first), Amounts(money=70))
    await writer.save()
    second = MemoryState(keeper=(follower := LeaseKeeper(file)))
    await second.start()
    await second.settle(await admit(second), Amounts(money=3))
    await follower.save()
    await first.close()
    await second.close()
    after = MemoryState(keeper=LeaseKeeper(file))
    await after.start()
    assert (await used(after))[0] == (73, 0)
    await after.close()


async def test_one_of_two_routers_keeps_its_counters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "state.sqlite"
    keepers = [LeaseKeeper(file), LeaseKeeper(file)]
    states = [MemoryState(keeper=keeper) for keeper in keepers]
    for state, keeper in zip(states, keepers, strict=True):
        await state.start()
        await state.settle(await admit(state), Amounts(money=70))
        await keeper.save()
    await states[0].settle(await admit(states[0]), Amounts(money=1))
    for state in reversed(states):
        await state.close()
    assert caplog.text.count("another router keeps") == 1
    after = MemoryState(keeper=LeaseKeeper(file))
    await after.start()
    assert (await used(after))[0] == (71, 0)
    await after.close()
