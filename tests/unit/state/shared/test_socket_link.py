"""A worker's connection to its parent: calls overlap, and its end is noticed."""

import asyncio
from pathlib import Path

import pytest

from switchyard.state.shared.board import Numbered
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.served import StateServer
from switchyard.state.shared.socket_link import SocketLink

PATIENT = 20.0


async def test_calls_overlap_and_come_back_to_who_asked(tmp_path: Path) -> None:
    server, link = StateServer(tmp_path / "s"), SocketLink(tmp_path / "s")
    await server.start()
    found = await asyncio.gather(*(link.call("turn", [f"p{n % 2}"], PATIENT) for n in range(10)))
    assert sorted(found) == sorted([1, 2, 3, 4, 5] * 2)
    await link.close()
    await server.close()


async def test_a_parent_that_does_not_listen(tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match="does not listen"):
        await SocketLink(tmp_path / "s").call("turn", ["p"], PATIENT)


async def test_notices_are_heard_until_the_parent_ends(tmp_path: Path) -> None:
    server, link = StateServer(tmp_path / "s"), SocketLink(tmp_path / "s")
    await server.start()
    ready, heard = asyncio.Event(), asyncio.Queue[Numbered]()
    listening = asyncio.ensure_future(link.listen(ready.set, heard.put_nowait))
    await ready.wait()
    await link.call("post", ["cooldown", "p", "why", 60_000], PATIENT)
    assert await heard.get() == [1, "cooldown", "p", "why", 60_000]
    await server.close()
    with pytest.raises(LinkDown, match="closed the connection"):
        await listening
    # After a restart of the parent the next call connects again.
    await server.start()
    assert await link.call("turn", ["p"], PATIENT) >= 1
    await link.close()
    await server.close()
