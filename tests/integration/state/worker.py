"""A process that takes part in shared state, by order of the tests, line by line.

Arguments: the way, and the URL or path. It prints `ready`, and an answer to each line.
"""

import asyncio
import json
import sys
from pathlib import Path

from switchyard.state.shared.link import Link
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.remote import RemoteState
from switchyard.state.shared.socket_link import SocketLink
from tests.integration.state.ways import PATIENT
from tests.integration.state.ways import redis_link

REQUESTS = Limit(key="a", kind="requests", most=100, period=Sliding(3600))
SLOTS = Limit(key="a", kind="slots", most=100)


def connect(way: str, where: str) -> Link:
    return SocketLink(Path(where)) if way == "served" else redis_link(where)


class Worker:
    def __init__(self, state: RemoteState) -> None:
        self._state = state
        self._leases: list[LimitLease] = []

    async def turns(self) -> object:
        return await asyncio.gather(*(self._state.turn("pool") for _ in range(100)))

    async def admit(self) -> object:
        ask = Ask(limits=(REQUESTS, SLOTS))
        answers = await asyncio.gather(*(self._state.admit(ask) for _ in range(100)))
        self._leases += [one.lease for one in answers if isinstance(one, Admitted)]
        return len(self._leases)

    async def settle(self) -> object:
        for lease in self._leases:
            await self._state.settle(lease, Amounts())
        return await self._state.drain(30)

    async def cool(self) -> object:
        await self._state.post("cooldown", "acme/key-1", "", 600)
        return await self._state.drain(30)

    async def cooling(self) -> object:
        while not self._state.notices("cooldown"):
            await asyncio.sleep(0.01)
        return list(self._state.notices("cooldown"))


async def main(way: str, where: str) -> None:
    state = RemoteState(connect(way, where), PATIENT)
    await state.start()
    worker = Worker(state)
    print('"ready"', flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await getattr(worker, line.strip())()), flush=True)
    await state.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
