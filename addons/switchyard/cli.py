"""Starts mitmproxy with the router in this process, or runs one of the commands.

`scripts/launch.py` runs this in a checkout and a container, the command `switchyard` where the
package is installed.
"""

import atexit
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from switchyard import __version__
from switchyard.launch.dispatch import command_of
from switchyard.launch.dispatch import run_command
from switchyard.launch.options import PROGRAM
from switchyard.launch.options import Launch
from switchyard.launch.options import plan_launch
from switchyard.listener.inherited import are_there

# A stream holds two sockets; the usual soft limit of 1,024 files ends at some 500 streams.
OPEN_FILES = 10_240


def supervise(launch: Launch, arguments: Sequence[str]) -> int:
    """Run several processes of this program behind one port; return the exit status."""
    from switchyard.engine.running_note import NoteWriter
    from switchyard.engine.state_host import StateHost
    from switchyard.engine.supervisor_reports import say
    from switchyard.engine.worker_sockets import WorkerSockets
    from switchyard.engine.workers import STATE
    from switchyard.engine.workers import Supervisor
    from switchyard.engine.workers import reserve
    from switchyard.files import choose_config
    from switchyard.files import counters_file
    from switchyard.files import running_file
    from switchyard.listener.inherited import inherited
    from switchyard.metrics.host import METRICS
    from switchyard.metrics.host import MetricsHost

    file = counters_file(choose_config(launch.config, os.environ), os.environ)
    port = launch.port
    given = are_there(os.environ)
    inherited.read(os.environ)
    try:
        with contextlib.ExitStack() as kept:
            if not given:
                port = kept.enter_context(reserve(launch.host, port)).getsockname()[1]
            sockets = WorkerSockets(launch.host, port, launch.workers)
    except OSError as e:
        say(f"not started: cannot listen on {launch.host}:{launch.port}: {e.strerror}")
        return 1
    note = NoteWriter(running_file(port, os.environ))
    with contextlib.closing(sockets), StateHost(file) as host, MetricsHost(say) as metrics:
        command = [sys.executable, "-P", sys.argv[0], *arguments, "--port", str(port)]
        variables = {STATE: host.where, METRICS: metrics.where}
        supervisor = Supervisor(
            launch.workers, command, variables=variables, sockets=sockets, note=note
        )
        return supervisor.run()


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _stop(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


def run(arguments: Sequence[str]) -> int:
    """Run the router until it is stopped, or a command; return the exit status.

    Errors during the start (a refused configuration, a port in use) leave as SystemExit(1), raised
    by mitmproxy after it logged them.
    """
    if (command := command_of(arguments)) is not None:
        return run_command(*command)
    if arguments and arguments[0] == "start":
        arguments = arguments[1:]
    if "--version" in arguments:
        print(f"Switchyard: {__version__}", flush=True)
    launch = plan_launch(arguments, _variables(arguments))
    if launch.action != "start":
        return _act(launch)
    # Until mitmproxy installs its own handlers, a stop is a clean one already.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as by nohup
        signal.signal(signal.SIGHUP, _stop)
    if not _is_worker() and not are_there(os.environ):
        from switchyard.launch.port import why_not

        if why := why_not(launch):
            print(f"switchyard: not started: {why}", file=sys.stderr)
            return 1
    if launch.workers > 1:
        from switchyard.engine.workers import end_with_supervisor

        if not _is_worker():
            return supervise(launch, arguments)
        end_with_supervisor()
    _raise_file_limit()
    # mitmproxy looks here for its name and for mistakes to explain.
    sys.argv = [launch.tool, *launch.arguments]

    tools = _mitmproxys_tools(launch)

    from switchyard.recording.log_format import use_from_the_start

    use_from_the_start("json" if "switchyard_log_format=json" in launch.arguments else "text")
    if launch.engine:
        from switchyard.engine.install import install

        install()
    _explain_options(launch)
    tool = tools.mitmweb if launch.tool == "mitmweb" else tools.mitmdump
    tool(launch.arguments)
    return 0


def _mitmproxys_tools(launch: Launch) -> ModuleType:
    """mitmproxy, imported late, so that --help needs nothing installed."""
    if launch.engine:
        from switchyard.engine.garbage import begin_loading
        from switchyard.engine.late_imports import put_off

        begin_loading()
        put_off()
    from mitmproxy.tools import main

    return main


def _is_worker() -> bool:
    from switchyard.engine.workers import MARK

    return MARK in os.environ


def _variables(arguments: Sequence[str]) -> Mapping[str, str]:
    """The environment with what the `.env` of the configuration adds.

    A file that cannot be read adds nothing here: whoever loads the configuration reports it.
    """
    from switchyard.config.dotenv import with_dotenv
    from switchyard.config.problems import ConfigError
    from switchyard.files import choose_config
    from switchyard.files import dotenv_of

    config = choose_config(plan_launch(arguments, os.environ).config, os.environ)
    try:
        return with_dotenv(dotenv_of(config, os.environ), os.environ)
    except ConfigError:
        return os.environ


def _act(launch: Launch) -> int:
    """Do what is asked for instead of a start; return the exit status."""
    if launch.action == "check":
        from switchyard.launch.check import check as act
    else:
        from switchyard.launch.first_file import write_first_file as act
    status, said = act(launch.config, os.environ)
    print(said, file=sys.stderr if status else sys.stdout)
    return status


def _explain_options(launch: Launch) -> None:
    """Have mitmproxy's parser speak of this program, and name the option that was meant."""
    from mitmproxy.tools import cmdline

    from switchyard.launch.unknown_options import explained

    name = launch.tool
    make_parser = getattr(cmdline, name)
    setattr(cmdline, name, explained(make_parser, PROGRAM, launch.known_options))


def main() -> NoReturn:
    """Run the router by `sys.argv`; exit without finalising the interpreter.

    mitmproxy's native threads (QUIC, WireGuard, local capture) run to the very end of the process;
    one that meets a half-ended interpreter ends it by a segmentation fault.
    """
    status = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody may be reading any more
                stream.flush()
        os._exit(status)

    atexit.register(leave)  # registered first, called last
    try:
        status = run(sys.argv[1:])
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else int(e.code is not None)
        raise
    sys.exit(status)


if __name__ == "__main__":
    main()
