"""What an attempt's observer is told of its answer."""

from mitmproxy import http
from mitmproxy.proxy.commands import StartHook

from switchyard.failover.hooks import AttemptHook
from tests.unit.failover.answers import CHUNKED
from tests.unit.failover.answers import END
from tests.unit.failover.answers import REFUSAL
from tests.unit.failover.answers import chunk
from tests.unit.failover.driver import Driver
from tests.unit.failover.driver import Lines


class Watcher:
    """Notes what it is told, and what the receiver had seen by then."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def head(self, response: http.Response) -> None:
        self.told.append(response.status_code)

    def received(self, data: bytes) -> None:
        self.told.append(data)

    def ended(self) -> None:
        self.told.append("ended")


class Skimming(Lines):
    """One that need not read a line `skip`."""

    def skim(self, data: bytes) -> bytes | None:
        return data if data == b"skip\n" else None


def watched(receiver: type[Lines] = Lines) -> tuple[Driver, list[Watcher]]:
    watchers: list[Watcher] = []

    def watch(hook: StartHook) -> None:
        if isinstance(hook, AttemptHook):
            watchers.append(Watcher())
            hook.attempt.observer = watchers[-1]

    d = Driver([1, 2], receiver)
    d.on_hook = watch
    return d.request(), watchers


def test_an_observer_is_told_what_the_upstream_answers() -> None:
    d, (watcher,) = watched()
    d.says(CHUNKED + chunk(b"one\n")).says(chunk(b"two\n")).says(chunk(b"end\n") + END)
    assert watcher.told == [200, b"one\n", b"two\n", b"end\n", "ended"]
    assert d.answer.endswith(chunk(b"end\n") + END), "which changes nothing for the client"


def test_an_observer_is_told_each_piece_once_where_some_are_skimmed() -> None:
    d, (watcher,) = watched(Skimming)
    d.says(CHUNKED + chunk(b"one\n")).says(chunk(b"skip\n")).says(chunk(b"more")).says(END)
    assert watcher.told == [200, b"one\n", b"skip\n", b"more", "ended"]


def test_an_observer_is_told_of_an_answer_that_breaks_off() -> None:
    d, (watcher,) = watched()
    d.says(CHUNKED + chunk(b"one\n")).closes()
    assert watcher.told == [200, b"one\n", "ended"]


def test_each_attempt_has_its_own_observer() -> None:
    d, watchers = watched()
    d.says(REFUSAL).says(CHUNKED + chunk(b"end\n") + END)
    assert [watcher.told for watcher in watchers] == [
        [429, b"busy", "ended"],
        [200, b"end\n", "ended"],
    ]
