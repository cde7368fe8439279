"""The command `service`: the router as a service of the user's own session.

On Linux a unit of the user's systemd, on macOS an agent of launchd.
"""

import argparse
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from switchyard.commands.service_files import LABEL
from switchyard.commands.service_files import MARK
from switchyard.commands.service_files import UNIT
from switchyard.commands.service_files import launch_agent
from switchyard.commands.service_files import user_unit
from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.launch.options import plan_launch
from switchyard.programs import path_of
from switchyard.programs import program_of

_CARRIED: Final = ("PATH", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
"""Variables of the shell that the service gets. Keys are none of them: they belong into `.env`."""

_SESSION: Final = ("HOME", "USER", "LOGNAME", "LANG")
"""Variables that a session has by itself."""


class ServiceError(Exception):
    """What is wrong, in words for the user."""


@dataclass(frozen=True, slots=True)
class UserService:
    """A service as its manager knows it."""

    file: Path
    content: bytes
    start: tuple[tuple[str, ...], ...]
    """Commands that start it with the file as it is now, and at each login."""
    stop: tuple[tuple[str, ...], ...]
    forget: tuple[tuple[str, ...], ...]
    """Commands for when the file is gone."""
    status: tuple[str, ...]
    log: str
    """The command that shows the log."""
    after: str
    """What the user may want to do besides."""

    @property
    def is_foreign(self) -> bool:
        """Whether another program or person wrote the file that is there."""
        try:
            written = self.file.read_bytes()
        except FileNotFoundError:
            return False
        return MARK.encode() not in written and LABEL.encode() not in written


def main(arguments: Sequence[str]) -> int:
    """Install, remove or show the service; return the exit status."""
    asked = make_parser().parse_args(arguments)
    try:
        match asked.action:
            case "install":
                return _install(asked.arguments, asked.dry_run)
            case "remove":
                return _remove()
        return _show()
    except ServiceError as error:
        print(f"service: {error}", file=sys.stderr)
    except OSError as error:
        print(f"service: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=program_of("service"),
        description="Runs the router as a service of your own session: by systemd on Linux, by"
        " launchd on macOS.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    install = actions.add_parser("install", help="start the router now and at each login")
    install.add_argument(
        "--dry-run", action="store_true", help="print the file that would be written, and end"
    )
    install.add_argument(
        "arguments",
        nargs="*",
        metavar="ARGUMENT",
        help="what the start gets; options come after --, as in -- --port 8800 my.yaml",
    )
    actions.add_parser("remove", help="stop the router and remove the service")
    actions.add_parser("status", help="show whether the service runs")
    return parser


def service_of(
    words: Sequence[str], environ: Mapping[str, str], system: str = platform.system()
) -> UserService:
    """Return the service that runs a command on a system. Raises ServiceError."""
    variables = {name: environ[name] for name in _CARRIED if environ.get(name)}
    home = Path(environ.get("HOME") or Path.home())
    try:
        if system == "Darwin":
            return _agent(words, variables, home)
        if system == "Linux":
            return _unit(words, variables, home, environ)
    except ValueError as error:
        raise ServiceError(f"cannot write the service: {error}") from None
    raise ServiceError(f"there are services for Linux and macOS alone, and this is {system}.")


def _unit(
    words: Sequence[str], variables: Mapping[str, str], home: Path, environ: Mapping[str, str]
) -> UserService:
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    folder = (base if base.is_absolute() else home / ".config") / "systemd" / "user"
    control = ("systemctl", "--user")
    return UserService(
        folder / UNIT,
        user_unit(words, variables),
        start=(
            (*control, "daemon-reload"),
            (*control, "enable", "--quiet", UNIT),
            (*control, "restart", UNIT),
        ),
        stop=((*control, "disable", "--now", "--quiet", UNIT),),
        forget=((*control, "daemon-reload"),),
        status=(*control, "--no-pager", "status", UNIT),
        log=f"journalctl --user --unit {UNIT} --follow",
        after="It ends with your last session. `loginctl enable-linger` keeps it running.",
    )


def _agent(words: Sequence[str], variables: Mapping[str, str], home: Path) -> UserService:
    log = home / "Library" / "Logs" / "switchyard.log"
    file = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{os.getuid()}"
    return UserService(
        file,
        launch_agent(words, variables, log),
        start=(("launchctl", "bootstrap", domain, str(file)),),
        stop=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        forget=(),
        status=("launchctl", "print", f"{domain}/{LABEL}"),
        log=f"tail -f {shlex.quote(str(log))}",
        after="It ends when you log out.",
    )


def _install(arguments: Sequence[str], dry_run: bool) -> int:
    within = service_environ(os.environ)
    launch = plan_launch(arguments, within)
    words = [*shlex.split(path_of("start")), *_absolute(arguments, launch.config)]
    if not launch.config and (named := os.environ.get("SWITCHYARD_CONFIG")):
        words += ["--config", str(Path(named).expanduser().absolute())]
    service = service_of(words, os.environ)
    if dry_run:
        sys.stdout.write(service.content.decode("utf-8", "replace"))
        return 0
    _check(launch.config, within)
    _needs(service)
    if service.is_foreign:
        raise ServiceError(
            f"{service.file} was not written by this program and stays; move it away first."
        )
    if service.file.exists() and service.start[0][0] == "launchctl":
        _run(service.stop, may_fail=True)  # launchd reads a file once
    service.file.parent.mkdir(parents=True, exist_ok=True)
    service.file.write_bytes(service.content)
    _run(service.start)
    print(f"installed {service.file}\nlog: {service.log}\n{service.after}")
    return 0


def _remove() -> int:
    service = service_of((), os.environ)
    if not service.file.exists():
        raise ServiceError(f"{service.file} is not there: no service is installed.")
    if service.is_foreign:
        raise ServiceError(f"{service.file} was not written by this program and stays.")
    _needs(service)
    _run(service.stop, may_fail=True)
    service.file.unlink()
    _run(service.forget)
    print(f"removed {service.file}; configuration and records stay")
    return 0


def _show() -> int:
    service = service_of((), os.environ)
    if not service.file.exists():
        print(f"no service is installed; {program_of('service')} install makes one")
        return 1
    _needs(service)
    return subprocess.run(service.status, check=False).returncode


def service_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the service will have, of those of this shell."""
    kept = {name: environ[name] for name in (*_SESSION, *_CARRIED) if name in environ}
    if named := environ.get("SWITCHYARD_CONFIG"):
        kept["SWITCHYARD_CONFIG"] = named
    return kept


def _absolute(arguments: Sequence[str], config: str | None) -> list[str]:
    """Return the arguments with the configuration's path as it is from any folder."""
    if config is None:
        return list(arguments)
    path = str(Path(config).expanduser().absolute())
    flag = f"--config={config}"
    return [path if one == config else one.replace(flag, f"--config={path}") for one in arguments]


def _check(config: str | None, environ: Mapping[str, str]) -> None:
    """Raise ServiceError where the service would refuse its configuration."""
    from switchyard.launch.check import check

    status, report = check(config, environ)
    if status:
        dotenv = dotenv_of(choose_config(config, environ), environ)
        raise ServiceError(
            f"the configuration has errors:\n{report}\n"
            f"A service has no variables of this shell; put keys into {dotenv}."
        )


def _needs(service: UserService) -> None:
    program = service.status[0]
    if shutil.which(program) is None:
        raise ServiceError(
            f"{program} is not here. Have your own supervisor run `{program_of('start')}`."
        )


def _run(commands: Sequence[Sequence[str]], may_fail: bool = False) -> None:
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and not may_fail:
            report = (done.stderr.strip() or done.stdout.strip())[-500:]
            raise ServiceError(f"{shlex.join(command)} failed: {report}")
