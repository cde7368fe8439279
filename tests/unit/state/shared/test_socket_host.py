"""The thread that serves workers: it begins, ends, and leaves nothing where it cannot begin."""

import asyncio
import threading
from pathlib import Path

import pytest

from switchyard.metrics.host import MetricsHost
from switchyard.state.shared.socket_host import SocketHost
from tests.support.signals import Signal


class OneSocket(SocketHost):
    def __init__(self, fails: bool = False) -> None:
        super().__init__("one socket")
        self.fails = fails
        self.ended = False

    async def _serve_in(self, folder: Path) -> None:
        if self.fails:
            return
        server = await asyncio.start_unix_server(lambda reader, writer: None, folder / "s.sock")
        self._begin(str(folder / "s.sock"))
        await self._stop.wait()
        server.close()
        self.ended = True


def test_it_serves_until_it_is_left() -> None:
    with OneSocket() as host:
        place = Path(host.where)
        assert place.is_socket()
        assert place.parent.stat().st_mode & 0o077 == 0
    assert host.ended and not place.parent.exists()
    assert not any(one.name == "one socket" for one in threading.enumerate())


async def test_whom_it_still_serves_is_ended_before_its_loop() -> None:
    """Else Python reports a task that was destroyed while it was pending."""
    served, ended = Signal(), Signal()

    class Holding(OneSocket):
        async def _serve_in(self, folder: Path) -> None:
            self.kept = await asyncio.start_unix_server(self._hold, folder / "held.sock")
            await super()._serve_in(folder)

        async def _hold(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            served.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.set()
            writer.close()

    with Holding() as host:
        path = Path(host.where).with_name("held.sock")
        _, writer = await asyncio.open_unix_connection(path)
        await served.seen()
    assert ended
    writer.close()


def test_one_that_could_not_be_started_is_left_quietly() -> None:
    with OneSocket(fails=True) as host:
        assert host.where == ""


def test_metrics_without_a_place_for_the_socket_are_each_workers_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports: list[str] = []
    host = MetricsHost(reports.append)
    monkeypatch.setattr(host._folder, "name", f"{host._folder.name}/{'x' * 200}")
    with host:
        assert host.where == ""
    assert len(reports) == 1 and "cannot be added up" in reports[0]
