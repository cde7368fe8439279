"""Connects this process to the router's other processes."""

from switchyard.runtime.sharing import Sharing


class StateSharing:
    """Opens the shared state before the first request, and closes it after the last."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    async def running(self) -> None:
        await self._sharing.start()

    async def done(self) -> None:
        await self._sharing.close()
