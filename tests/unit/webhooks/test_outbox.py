"""Events that wait in the file."""

import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from switchyard.webhooks import outbox as module
from switchyard.webhooks.outbox import LEASE
from switchyard.webhooks.outbox import WebhookOutbox
from switchyard.webhooks.outbox import open_outbox


class Clock:
    """The time that the outbox sees."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "webhooks.sqlite"


def test_an_event_waits_over_a_restart(file: Path, clock: Clock) -> None:
    with open_outbox(file) as outbox:
        assert outbox.add("r", "msg_1", "quota.warning", "{}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with open_outbox(file) as outbox:
        found = outbox.claim("r")
        assert found is not None
        assert (found.message, found.event, found.body, found.tries) == (
            *("msg_1", "quota.warning", "{}"),
            1,
        )


def test_one_event_is_sent_by_one_process_at_a_time(file: Path, clock: Clock) -> None:
    one, other = WebhookOutbox(file), WebhookOutbox(file)
    one.add("r", "msg_1", "quota.warning", "{}")
    one.add("s", "msg_1", "quota.warning", "{}")
    assert one.claim("r") is not None
    assert other.claim("r") is None
    assert other.claim("s") is not None
    clock.now += LEASE  # the process that had it ended
    again = other.claim("r")
    assert again is not None and again.tries == 2
    other.forget(again)
    clock.now += LEASE
    assert one.claim("r") is None and one.waiting("r") == 0
    one.close()
    other.close()


def test_a_failed_event_is_due_after_its_pause(file: Path, clock: Clock) -> None:
    with open_outbox(file) as outbox:
        assert outbox.due_in("r") is None
        outbox.add("r", "msg_1", "quota.warning", "{}")
        outbox.add("r", "msg_2", "quota.warning", "{}")
        first = outbox.claim("r")
        assert first is not None and first.message == "msg_1"
        outbox.put_back(first, 20.0)
        second = outbox.claim("r")
        assert second is not None and second.message == "msg_2"
        outbox.forget(second)
        assert outbox.due_in("r") == 20.0
        clock.now += 20.0
        assert outbox.due_in("r") == 0.0
        assert outbox.claim("r") is not None


def test_a_full_queue_takes_no_more(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    with open_outbox(file) as outbox:
        added = [outbox.add("r", f"msg_{n}", "quota.warning", "{}") for n in range(3)]
        assert added == [True, True, False]
        assert outbox.add("other", "msg_4", "quota.warning", "{}")


def test_what_is_told_once_is_known_to_all(file: Path, clock: Clock) -> None:
    with open_outbox(file) as one, open_outbox(file) as other:
        assert one.is_news("quota") and not other.is_news("quota")
        assert other.is_news("else")
        clock.now += 41 * 86400
        assert other.is_news("quota")


def test_events_of_receivers_that_are_gone(file: Path, clock: Clock) -> None:
    with open_outbox(file) as outbox:
        for receiver in ("a", "b", "c"):
            outbox.add(receiver, "msg_1", "quota.warning", "{}")
        outbox.keep_only(["a", "b"])
        assert [outbox.waiting(one) for one in ("a", "b", "c")] == [1, 1, 0]
        outbox.drop_all("a")
        outbox.keep_only([])
        assert [outbox.waiting(one) for one in ("a", "b")] == [0, 0]


def test_it_is_made_by_several_at_once(tmp_path: Path) -> None:
    """SQLite lets nobody wait who changes the journal's mode while another one does."""
    start = Barrier(3)

    def add(number: int) -> bool:
        start.wait()
        with open_outbox(tmp_path / f"{number // 3}.sqlite") as outbox:
            return outbox.add("one", f"m{number}", "event", "{}")

    with ThreadPoolExecutor(3) as threads:
        assert all(threads.map(add, range(300)))


def test_what_fails_is_not_half_done(file: Path) -> None:
    with open_outbox(file) as outbox:
        with pytest.raises(sqlite3.OperationalError), outbox.whole():
            assert outbox.is_news("once") and outbox.add("one", "m", "event", "{}")
            raise sqlite3.OperationalError("disk I/O error")
        assert outbox.waiting("one") == 0 and outbox.is_news("once")
