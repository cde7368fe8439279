"""Has a new process take the router's place, without a moment in which nobody listens."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import replace

from mitmproxy import ctx
from mitmproxy.utils import asyncio_utils

from switchyard.engine import service_manager
from switchyard.engine.hooks import CachedAddonManager
from switchyard.engine.running_note import NoteWriter
from switchyard.engine.running_note import RunningNote
from switchyard.engine.service_manager import notify
from switchyard.engine.successor import SuccessorError
from switchyard.engine.successor import command
from switchyard.engine.successor import report_serving
from switchyard.engine.successor import start_successor
from switchyard.engine.terminal import has_terminal
from switchyard.engine.terminal import let_go_of_terminal
from switchyard.engine.workers import MARK
from switchyard.files import running_file
from switchyard.listener.builtin_addons import mitmproxys
from switchyard.listener.exposure import bound_ports
from switchyard.listener.exposure import is_listening
from switchyard.listener.inherited import inherited

logger = logging.getLogger(__name__)

_FIRST_PROCESS = 1


class Handover:
    """SIGHUP starts a new process on the same sockets; once it serves, this one drains.

    Workers are replaced by their parent instead, which also reports to the service manager.
    """

    def __init__(self, drain: Callable[[bool], None]) -> None:
        """`drain` has this process end after its requests; true: another one has its place."""
        self._drain = drain
        self._had_terminal = False
        self._note: NoteWriter | None = None
        self._noted = RunningNote(os.getpid())
        self._restarting: asyncio.Task[None] | None = None

    async def running(self) -> None:
        """Report that this process serves, and take SIGHUP."""
        self._had_terminal = has_terminal()
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as by nohup
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
        for place in inherited.drop():
            logger.warning(
                "switchyard: a socket that listens on %s was passed on, and no mode is there", place
            )
        if MARK not in os.environ:
            asyncio_utils.create_task(self._report(), name="report of the start", keep_ref=True)

    def done(self) -> None:
        if self._restarting is not None:
            self._restarting.cancel()
        if self._note is not None:
            self._note.remove()

    async def _report(self) -> None:
        while not is_listening():
            await asyncio.sleep(0.01)
        if not report_serving():
            notify(service_manager.READY)
        _sign_of_life()
        hands_over = isinstance(ctx.master.addons, CachedAddonManager)
        self._noted = RunningNote(os.getpid(), hands_over)
        for port in sorted(bound_ports())[:1]:
            self._note = NoteWriter(running_file(port, os.environ))
            self._note.write(self._noted)

    def _hang_up(self) -> None:
        if self._had_terminal and not has_terminal():
            let_go_of_terminal()
            ctx.master.shutdown()
        elif MARK in os.environ or not self._noted.hands_over:
            self._drain(False)
        elif self._restarting is None and (sockets := list(_listening_sockets())):
            self._restarting = asyncio_utils.create_task(
                self._restart(sockets), name="handover", keep_ref=True
            )

    async def _restart(self, sockets: list[int]) -> None:
        logger.info("switchyard: restarting: a new process begins")
        notify(*service_manager.reloading())
        try:
            if why := _why_not(os.getpid(), os.environ):
                raise SuccessorError(why)
            process = await start_successor(sockets, command())
        except SuccessorError as e:
            self._restarting = None
            logger.error("switchyard: not restarted: %s. This process goes on", e)
            notify(service_manager.READY)
            self._noted = replace(self._noted, attempts=self._noted.attempts + 1, problem=str(e))
            if self._note is not None:
                self._note.write(self._noted)
            return
        notify(service_manager.main_process(process.pid), service_manager.READY)
        logger.info("switchyard: process %d serves; this one ends after its requests", process.pid)
        self._drain(True)


def _why_not(pid: int, environ: Mapping[str, str]) -> str:
    """Why no other process can go on in the place of this one; empty if one can."""
    if pid == _FIRST_PROCESS:
        return (
            "this process is the first of its container, which ends with it. Start with "
            "--workers 2 or more, or restart the container"
        )
    # systemd names the main process of a service to itself (systemd.exec(5)).
    if environ.get("SYSTEMD_EXEC_PID") == str(pid) and "NOTIFY_SOCKET" not in environ:
        return (
            "systemd would end the service with this process. Set Type=notify in its unit, or "
            "start with --workers 2 or more"
        )
    return ""


def _listening_sockets() -> Iterator[int]:
    for instance in mitmproxys("proxyserver").servers:
        for server in getattr(instance, "_servers", ()):
            if isinstance(server, asyncio.Server):
                yield from (one.fileno() for one in server.sockets)


def _sign_of_life() -> None:
    """Tell the service manager again and again that the event loop runs, if it watches."""
    if (every := service_manager.watchdog_every()) is not None:
        notify(service_manager.WATCHDOG)
        asyncio.get_running_loop().call_later(every, _sign_of_life)
