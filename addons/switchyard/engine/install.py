"""Puts the engine in the place of mitmproxy's machinery, before a master is made."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx
from mitmproxy import master
from mitmproxy.proxy import mode_servers
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.mode_servers import AsyncioServerInstance

from switchyard.engine.accepting import AcceptedAtOnce
from switchyard.engine.authority_key import trust_keys
from switchyard.engine.connection import TcpConnection
from switchyard.engine.fast_messages import lighten
from switchyard.engine.garbage import settle
from switchyard.engine.garbage import tidy
from switchyard.engine.handler import EngineHandler
from switchyard.engine.hooks import CachedAddonManager
from switchyard.engine.logs import QuietLegacyLogEvents
from switchyard.engine.shared_authority import share_authority
from switchyard.engine.turns import turns
from switchyard.engine.workers import MARK
from switchyard.engine.workers import beat
from switchyard.listener.inherited import BACKLOG
from switchyard.listener.inherited import inherited

_SERVED = (mode_specs.RegularMode, mode_specs.ReverseMode, mode_specs.UpstreamMode)


def install() -> None:
    """From now on, masters and servers are made with the engine."""
    lighten()
    share_authority()
    trust_keys()
    inherited.read(os.environ)
    _wrap_master()
    _wrap_listen()


def _wrap_master() -> None:
    original = master.Master.__init__

    def init(self: master.Master, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        CachedAddonManager.adopt(self.addons)
        QuietLegacyLogEvents.adopt(self._legacy_log_events)

    running = master.Master.running

    async def running_and_settled(self: master.Master) -> None:
        beat()
        await running(self)
        settle()

    master.Master.__init__ = init
    master.Master.running = running_and_settled


def _wrap_listen() -> None:
    original = AsyncioServerInstance.listen

    async def listen(self: AsyncioServerInstance, host: str, port: int) -> Any:
        by_tcp = self.mode.transport_protocol == "tcp"
        served = isinstance(self.mode, _SERVED) and by_tcp
        if by_tcp and (found := inherited.take(host, port)):
            return [await _serve_on(one, self, served) for one in found]
        if not served or port == 0:
            return await original(self, host, port)  # which chooses a port, and comes back
        at_once = AcceptedAtOnce()
        return [await serve(lambda: ClientConnection(self, at_once), host, port, at_once)]

    mode_servers.AsyncioServerInstance.listen = listen  # type: ignore[method-assign]


async def _serve_on(
    one: socket.socket, instance: AsyncioServerInstance, quickly: bool
) -> asyncio.Server:
    """Serve a socket that this process was given; `quickly` where the engine can."""
    if not quickly:
        return await asyncio.start_server(instance.handle_stream, sock=one)
    loop, at_once = asyncio.get_running_loop(), AcceptedAtOnce()
    return await loop.create_server(
        lambda: ClientConnection(instance, at_once),
        sock=one,
        backlog=at_once,  # type: ignore[arg-type]
    )


async def serve(
    client: Callable[[], asyncio.Protocol], host: str, port: int, at_once: AcceptedAtOnce
) -> asyncio.Server:
    """Listen, and have `client` make a protocol for each connection. Raises OSError."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        client,
        host,
        port,
        backlog=at_once,  # type: ignore[arg-type] # asyncio takes one number for both
        reuse_port=MARK in os.environ or None,
    )
    for listening in server.sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(BACKLOG)
    return server


class ClientConnection(TcpConnection):
    """A client's connection, which makes its own handler."""

    def __init__(self, instance: AsyncioServerInstance, at_once: AcceptedAtOnce) -> None:
        super().__init__(None, None)
        self._instance = instance
        self._at_once = at_once
        self._late: list[bytes] = []
        """What the client sent and waits for a turn of the loop."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        instance = self._instance
        handler = EngineHandler(ctx.master, self, ctx.options, instance.mode)
        handler.layer = instance.make_top_layer(handler.layer.context)
        connections, id = instance.manager.connections, handler.client.id
        connections[id] = handler

        def forget() -> None:
            connections.pop(id, None)
            if not connections:
                tidy()

        handler.open(forget)

    @property
    def has_late(self) -> bool:
        """Whether something that the client sent waits for a turn of the loop."""
        return bool(self._late)

    def data_received(self, data: bytes) -> None:
        if self._late:
            self._late.append(data)
        elif (now := turns.begin()) is not None:
            self._hand_on(data)
            turns.spend(now)
        else:
            self._late.append(data)
            turns.put_off(self)

    def catch_up(self) -> None:
        """Hand on what waited for a turn of the loop."""
        late, self._late = self._late, []
        for data in late:
            self._hand_on(data)

    def _hand_on(self, data: bytes) -> None:
        self._at_once.note_request()
        super().data_received(data)

    def _end(self) -> None:
        self.catch_up()  # what a client said before it left
        super()._end()
