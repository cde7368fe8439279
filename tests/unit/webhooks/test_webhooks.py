"""Events from where they happen to those who want them."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from switchyard.config.webhooks import WebhookSettings
from switchyard.webhooks import webhooks as module
from switchyard.webhooks.outbox import WebhookOutbox
from switchyard.webhooks.outbox import open_outbox
from switchyard.webhooks.receiver import receiver_id
from switchyard.webhooks.webhooks import Webhooks
from tests.support.hook_receiver import HookReceiver
from tests.support.ports import free_port


def settings(*receivers: dict[str, object]) -> tuple[WebhookSettings, ...]:
    return tuple(map(WebhookSettings.model_validate, receivers))


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    made = Webhooks()
    yield made
    made.close()


def data(**members: Any) -> Any:
    return lambda: members


def test_without_receivers_there_is_nothing(webhooks: Webhooks, tmp_path: Path) -> None:
    before = set(threading.enumerate())  # of which some may be ending
    webhooks.use((), tmp_path)
    webhooks.publish("quota.warning", lambda: pytest.fail("nobody wants it"))
    assert webhooks.status() == [] and webhooks.try_out() == []
    assert set(threading.enumerate()) <= before and list(tmp_path.iterdir()) == []


def test_an_event_reaches_those_who_want_it(webhooks: Webhooks, tmp_path: Path) -> None:
    with HookReceiver() as one, HookReceiver() as other:
        webhooks.use(settings(one.settings(events=["quota.warning"]), other.settings()), tmp_path)
        webhooks.publish("request.failed", data(id="1"))
        webhooks.publish("quota.warning", data(owner="p#0"))
        told = [each.event() for each in other.wait_for(2)]
        assert [each["type"] for each in told] == ["request.failed", "quota.warning"]
        (got,) = one.wait_for(1)
        assert got.event()["data"] == {"owner": "p#0"}
        assert got.event()["timestamp"].endswith("+00:00")


def test_a_receiver_that_fails_gets_it_again_by_the_same_id(
    webhooks: Webhooks, tmp_path: Path
) -> None:
    with HookReceiver(500, 302, 404) as receiver:
        webhooks.use(settings(receiver.settings()), tmp_path)
        webhooks.publish("quota.warning", data(owner="p#0"))
        got = receiver.wait_for(4)
        assert len({one.message for one in got}) == 1
        assert all(one.event()["data"] == {"owner": "p#0"} for one in got)


def test_an_event_is_given_up_in_the_end(
    webhooks: Webhooks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with HookReceiver(500, 500) as receiver:
        webhooks.use(settings(receiver.settings(retries=1)), tmp_path)
        webhooks.publish("quota.warning", data(n=1))
        receiver.wait_for(2)
        webhooks.publish("quota.warning", data(n=2))
        assert receiver.wait_for(3)[2].event()["data"] == {"n": 2}
    assert "giving up the event quota.warning" in caplog.text
    assert "room=7" not in caplog.text


def test_who_is_gone_gets_no_more(webhooks: Webhooks, tmp_path: Path) -> None:
    with HookReceiver(410) as gone, HookReceiver() as other:
        webhooks.use(settings(gone.settings(), other.settings()), tmp_path)
        webhooks.publish("quota.warning", data(n=1))
        gone.wait_for(1)
        other.wait_for(1)
        webhooks.publish("quota.warning", data(n=2))
        other.wait_for(2)
        assert len(gone.received) == 1


def test_what_is_told_once(webhooks: Webhooks, tmp_path: Path) -> None:
    again = Webhooks()
    with HookReceiver() as receiver:
        webhooks.use(settings(receiver.settings()), tmp_path)
        for _ in range(3):
            webhooks.publish("quota.warning", data(n=1), "p#0 week 0.8")
        receiver.wait_for(1)
        again.use(settings(receiver.settings()), tmp_path)  # as after a restart
        again.publish("quota.warning", data(n=1), "p#0 week 0.8")
        again.publish("quota.warning", data(n=2), "p#0 week 0.95")
        told = [one.event()["data"]["n"] for one in receiver.wait_for(2)]
        again.close()
        assert told == [1, 2]


def test_the_queue_lasts_over_a_restart(webhooks: Webhooks, tmp_path: Path) -> None:
    with HookReceiver(port=free_port()) as dead:
        given = settings(dead.settings(pause="1ms", retries=50))
    webhooks.use(given, tmp_path)
    for number in range(3):
        webhooks.publish("quota.warning", data(n=number))
    webhooks.close()
    port = int(given[0].url.split(":")[2].split("/")[0])
    with HookReceiver(port=port) as alive:
        again = Webhooks()
        again.use(given, tmp_path)
        told = {one.event()["data"]["n"] for one in alive.wait_for(3, 90)}
        again.close()
        assert told == {0, 1, 2}


def test_too_many_events_are_dropped_and_told(
    webhooks: Webhooks,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 3)
    held = threading.Event()
    with HookReceiver() as receiver:
        webhooks.use(settings(receiver.settings()), tmp_path)
        begun = threading.Event()

        def hold() -> dict[str, Any]:
            begun.set()
            held.wait(60)
            return {"n": 0}

        webhooks.publish("quota.warning", hold)
        assert begun.wait(60)
        for number in range(1, 6):
            webhooks.publish("quota.warning", data(n=number))
        held.set()
        told = [one.event()["data"]["n"] for one in receiver.wait_for(3)]
        assert told == [0, 1, 2]
        webhooks.close()
    assert "3 events for webhooks are lost" in caplog.text


def test_events_wait_while_the_file_cannot_be_written(
    webhooks: Webhooks,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And are written without another event that would remind of them."""
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    failures = [sqlite3.OperationalError("database is locked"), OSError("no space")]

    def opened(file: Path) -> AbstractContextManager[WebhookOutbox]:
        if failures:
            raise failures.pop()
        return open_outbox(file)

    with HookReceiver() as receiver:
        webhooks.use((), tmp_path)
        monkeypatch.setattr(module, "open_outbox", opened)
        webhooks.use(settings(receiver.settings()), tmp_path)
        webhooks.publish("quota.warning", data(n=1))
        (got,) = receiver.wait_for(1)
    assert got.event()["data"] == {"n": 1} and not failures
    assert "Events wait in memory" in caplog.text and "lost" not in caplog.text


def test_a_trial_is_sent_at_once_and_only_once(webhooks: Webhooks, tmp_path: Path) -> None:
    with HookReceiver() as one, HookReceiver(500) as other:
        webhooks.use(settings(one.settings(), other.settings()), tmp_path)
        told = webhooks.try_out()
        assert [each["status"] for each in told] == [204, 500]
        assert one.wait_for(1)[0].event()["type"] == "webhook.test"
        assert webhooks.try_out(one.url)[0]["ok"] and webhooks.try_out("else") == []
        assert len(other.received) == 1
        assert [each["waiting"] for each in webhooks.status()] == [0, 0]


def test_a_receiver_that_is_removed_loses_its_events(webhooks: Webhooks, tmp_path: Path) -> None:
    with HookReceiver(*[500] * 9) as one, HookReceiver() as other:
        both = settings(one.settings(pause="1h"), other.settings())
        webhooks.use(both, tmp_path)
        webhooks.publish("quota.warning", data(n=1))
        one.wait_for(1)
        webhooks.use(both[1:], tmp_path)
        webhooks.publish("quota.warning", data(n=2))
        other.wait_for(2)
        with open_outbox(tmp_path / "webhooks.sqlite") as outbox:
            assert outbox.waiting(receiver_id(both[0])) == 0
