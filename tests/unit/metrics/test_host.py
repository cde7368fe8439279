"""The parent and its workers, over their socket."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from switchyard.metrics.book import MetricBook
from switchyard.metrics.book import MetricRow
from switchyard.metrics.families import IN_FLIGHT
from switchyard.metrics.families import REFUSED
from switchyard.metrics.host import MetricsHost
from switchyard.metrics.measurements import Measurements


class FixedGauges:
    """Two requests under way."""

    def note(self, book: MetricBook) -> None:
        pass

    async def rows(self) -> Sequence[MetricRow]:
        return [(IN_FLIGHT.name, (), 2)]


class StuckGauges(FixedGauges):
    async def rows(self) -> Sequence[MetricRow]:
        await asyncio.Event().wait()
        return []


async def worker(host: MetricsHost, amount: int, gauges: FixedGauges | None = None) -> Measurements:
    measured = Measurements(gauges or FixedGauges(), host.where)
    await measured.start()
    measured.book.count([(REFUSED, ("k", "x"), amount)])
    return measured


def figures(rows: list[MetricRow]) -> dict[str, object]:
    return {name: amount for name, _, amount in rows}


async def test_workers_are_added_up_and_ended_ones_stay() -> None:
    with MetricsHost(print) as host:
        one, other = await worker(host, 3), await worker(host, 4)
        # The one that came last asks first: by its question, the parent knows both.
        assert figures(await other.rows()) == {"refused": 7, "in_flight": 4}
        assert figures(await one.rows()) == {"refused": 7, "in_flight": 4}
        other.book.count([(REFUSED, ("k", "x"), 10)])
        await other.close()
        while figures(rows := await one.rows())["in_flight"] != 2:
            pass
        assert figures(rows)["refused"] == 17
        await one.close()


async def test_a_worker_that_does_not_answer_lacks_its_gauges_alone() -> None:
    with MetricsHost(print) as host:
        one, stuck = await worker(host, 3), await worker(host, 4, StuckGauges())
        while figures(rows := await one.rows())["refused"] != 7:
            pass
        assert figures(rows) == {"refused": 7, "in_flight": 2}
        await one.close()
        await stuck.close()


async def test_a_worker_without_a_parent_shows_its_own(tmp_path: Path) -> None:
    measured = Measurements(FixedGauges(), str(tmp_path / "nobody"))
    await measured.start()
    measured.book.count([(REFUSED, ("k", "x"), 1)])
    assert figures(await measured.rows()) == {"refused": 1, "in_flight": 2}
    await measured.close()


async def test_a_malformed_message_ends_its_connection_alone() -> None:
    reports: list[str] = []
    with MetricsHost(reports.append) as host:
        one = await worker(host, 1)
        reader, writer = await asyncio.open_unix_connection(host.where)
        writer.write(b"\x00\x00\x00\x02{}")
        assert await reader.read() == b""
        assert reports and "malformed" in reports[0]
        assert figures(await one.rows())["refused"] == 1
        writer.close()
        await one.close()


async def test_the_socket_is_for_this_user_alone() -> None:
    with MetricsHost(print) as host:
        path = Path(host.where)
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()
