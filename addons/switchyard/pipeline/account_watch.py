"""Looks after the credentials that are read from files, programs and accounts."""

import asyncio

from mitmproxy.utils import asyncio_utils

from switchyard.accounts.accounts import Accounts
from switchyard.values.lasting import forever

EVERY = 1.0
"""Seconds between two looks at followed files and at tokens that are due."""


class AccountWatch:
    """Renews tokens in time and follows files, whether requests come or not."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._task: asyncio.Task | None = None

    def running(self) -> None:
        self._task = asyncio_utils.create_task(
            forever("the watch over credentials", self._look),
            name="switchyard credentials",
            keep_ref=True,
        )

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._accounts.close()

    async def _look(self) -> None:
        self._accounts.tend()
        await asyncio.sleep(EVERY)
