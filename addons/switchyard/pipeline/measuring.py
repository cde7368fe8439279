"""Counts requests for Prometheus, while somebody may read the metrics."""

import importlib.util

from mitmproxy.utils import asyncio_utils

from switchyard.management.guard import is_on
from switchyard.metrics.measurements import Measurements
from switchyard.runtime.runtime import Runtime


class Measuring:
    """Has the ledger count each record as the configuration in force says.

    Without `metrics.listen` and without a management key nothing is counted, and costs nothing.
    """

    def __init__(self, runtime: Runtime, measurements: Measurements) -> None:
        self._runtime = runtime
        self._measurements = measurements
        self._runs = False

    def configure(self, updated: set[str]) -> None:
        # Before the router listens: its first request is counted too.
        self._runtime.follow(self._follow)

    async def running(self) -> None:
        self._runs = True
        await self._measurements.start()
        await self._measurements.listen(self._address())

    async def done(self) -> None:
        await self._measurements.close()

    def _follow(self) -> None:
        config = self._runtime.snapshot.config
        wanted = config.metrics is not None and (
            config.metrics.listen is not None or is_on(self._runtime.snapshot)
        )
        has_library = wanted and importlib.util.find_spec("prometheus_client") is not None
        counters = self._runtime.ledger.counters
        counters.pop("metrics", None)
        if has_library:
            counters["metrics"] = self._measurements.counter.count
        if self._runs:
            asyncio_utils.create_task(
                self._measurements.listen(self._address()), name="metrics address", keep_ref=True
            )

    def _address(self) -> str | None:
        metrics = self._runtime.snapshot.config.metrics
        return metrics.listen if metrics is not None else None
