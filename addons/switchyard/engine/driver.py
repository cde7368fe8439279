"""Drives the layers of one client connection: events in, commands out."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from collections.abc import Sequence
from typing import Any

from mitmproxy import flow
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.utils import asyncio_utils

from switchyard.engine.connection import TcpConnection
from switchyard.engine.hooks import CachedAddonManager
from switchyard.engine.watchdog import Watchdog
from switchyard.protocols.ended_layers import free
from switchyard.protocols.ended_layers import layers_within

MOST_HOOKS_AT_ONCE = 16
"""Hooks of one event that are run without a way back to the queue. An exchange has seven. What
comes of each is nested in what caused it, and a client may send a thousand requests at once."""


class Driving(ProxyConnectionHandler):
    """mitmproxy's connection handler without its tasks.

    Events are handled one after another, as the lock of mitmproxy's handler has it, but at once:
    what a hook's handlers do not wait for needs no task, nor does reading, nor a timer.
    """

    def __init__(
        self, master: Any, client: TcpConnection, options: Any, mode: mode_specs.ProxyMode
    ) -> None:
        super().__init__(master, client, client, options, mode)  # type: ignore[arg-type]
        self.loop = asyncio.get_running_loop()
        self.timeout_watchdog = Watchdog(self, self.timeout_watchdog.timeout)  # type: ignore
        self._addons: CachedAddonManager = master.addons
        self._queue: deque[events.Event] = deque()
        self.handled = 0
        """How many events the layers were given."""
        self._busy = False
        self._over = False
        """Whether the client is gone."""
        self._written: list[TcpConnection] = []
        self._hooks_run = 0
        self._unfinished: dict[commands.StartHook, Awaitable[None] | None] = {}
        """Hooks that `run_hook` began, and whose layers wait now."""
        self._awaited = 0
        """Hooks after which the layers get an event, and whose handlers run in tasks."""
        self._timers: dict[commands.RequestWakeup, asyncio.TimerHandle] = {}
        self._verbose = getattr(options, "termlog_verbosity", "info") == "debug"

    def time_out(self) -> None:
        """Nothing has happened for too long."""
        raise NotImplementedError

    def _open_connection(self, command: commands.OpenConnection) -> None:
        raise NotImplementedError

    def _end_if_last(self) -> None:
        """End if the client is gone and nothing is left to do."""
        raise NotImplementedError

    async def server_event(self, event: events.Event) -> None:
        self.process(event)

    def process(self, event: events.Event) -> None:
        """Hand an event to the layers, execute their commands, and the events they cause."""
        self._queue.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                self.timeout_watchdog.last_activity = self.loop.time()
                self._hooks_run = 0
                self.handled += 1
                try:
                    for command in self.layer.handle_event(self._queue.popleft()):
                        self._obey(command)
                except Exception:
                    self.log("mitmproxy has crashed!", logging.ERROR, exc_info=True)
        finally:
            self._busy = False
            if self._written:
                written, self._written = self._written, []
                for wire in written:
                    wire.flush()

    def _obey(self, command: commands.Command) -> None:
        kind = type(command)
        if kind is commands.SendData:
            transport = self.transports.get(command.connection)  # type: ignore[attr-defined]
            if transport is not None:
                transport.writer.write(command.data)  # type: ignore
                self._written.append(transport)  # type: ignore[arg-type]
        elif isinstance(command, commands.StartHook):
            self._start_hook(command)
        elif isinstance(command, commands.OpenConnection):
            self._open_connection(command)
        elif isinstance(command, commands.RequestWakeup):
            self._set_timer(command)
        elif isinstance(command, commands.ConnectionCommand):
            if command.connection not in self.transports:
                return  # closed already
            if isinstance(command, commands.CloseTcpConnection):
                self.close_connection(command.connection, command.half_close)
            elif isinstance(command, commands.CloseConnection):
                self.close_connection(command.connection, False)
            else:
                raise RuntimeError(f"Unexpected command: {command}")
        elif isinstance(command, commands.Log):
            self.log(command.message, command.level)
        else:
            raise RuntimeError(f"Unexpected command: {command}")

    def run_hook(self, hook: commands.StartHook) -> bool:
        """Run a hook for a layer; return whether it is over.

        If not, the layer waits for the reply, as it does for every hook it hands over.
        """
        self._hooks_run += 1
        if self._hooks_run > MOST_HOOKS_AT_ONCE:
            return False
        rest = self._addons.lifecycle(hook)
        if rest is None:
            # All hooks about a flow have it as `flow`.
            about = getattr(hook, "flow", None)
            if about is None or not about.intercepted:
                return True
        self._unfinished[hook] = rest
        return False

    def _start_hook(self, hook: commands.StartHook) -> None:
        if hook in self._unfinished:
            rest = self._unfinished.pop(hook)
        else:
            rest = self._addons.lifecycle(hook)
        (data,) = hook.args()
        if rest is None and not (isinstance(data, flow.Flow) and data.intercepted):
            if hook.blocking:
                self._queue.append(events.HookCompleted(hook))
            return
        self._awaited += 1
        self._task(self._finish_hook(hook, rest, data), f"handle_hook({hook.name})")

    async def _finish_hook(
        self, hook: commands.StartHook, rest: Awaitable[None] | None, data: object
    ) -> None:
        try:
            with self.timeout_watchdog.disarm():
                if rest is not None:
                    await rest
                if isinstance(data, flow.Flow):
                    await data.wait_for_resume()
            if hook.blocking:
                self.process(events.HookCompleted(hook))
        finally:
            self._awaited -= 1
            self._end_if_last()

    def free_soon(self, layers: Sequence[Layer]) -> None:
        self.loop.call_soon(free, layers)

    def _free_all(self) -> None:
        """Free all layers, of which none gets an event once the hooks that run are over."""
        if not self._awaited:
            free(layers_within(self.layer))

    def _set_timer(self, command: commands.RequestWakeup) -> None:
        if self._over:
            return
        self._timers[command] = self.loop.call_later(command.delay, self._wake_up, command)

    def _wake_up(self, command: commands.RequestWakeup) -> None:
        del self._timers[command]
        self.process(events.Wakeup(command))

    def _tell(self, hook: commands.StartHook) -> None:
        """Run a hook whose outcome no layer awaits."""
        if (rest := self._addons.lifecycle(hook)) is not None:
            self._task(rest, hook.name)

    def log(self, message: str, level: int = logging.INFO, exc_info: Any = None) -> None:
        # mitmproxy makes a record for every connection that opens and closes, and for every answer
        # that streams.
        if level > logging.INFO or self._verbose:
            super().log(message, level, exc_info)

    def _task(self, coroutine: Any, name: str) -> asyncio.Task:
        return asyncio_utils.create_task(
            coroutine, name=name, keep_ref=True, client=self.client.peername
        )
