"""Makes the project's virtual environment what a lock file says, then becomes a script in it.

    environment.py LOCK [SCRIPT [ARGUMENT...]]

LOCK and SCRIPT are paths inside the project. The environment is `.venv`, for the Python that runs
this file. uv fills it where it is there and succeeds, else pip does; both check the hashes. A stamp
in it names the locks it holds, so that a start with nothing to do costs milliseconds. The stamp
goes first and comes last: whatever was interrupted is made anew.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

# A lock that contains another one: what is installed from it serves for both.
INCLUDES = {"requirements-test.lock": ("requirements.lock",)}


class SetupError(Exception):
    """The environment could not be made; the message says why and what to do."""


class Environment:
    """The virtual environment of the project at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / ".venv"
        self.python = self.path / "bin" / "python"
        self.stamp = self.path / "switchyard.json"

    def ensure(self, lock: str) -> None:
        """Install `lock` (a file name inside the project) unless it is installed already.

        Raises SetupError. Of several processes that call this at once, one installs and the others
        wait for it.
        """
        if self.holds(lock):
            return
        with _exclusively():
            if not self.holds(lock):
                self._install(lock)

    def holds(self, lock: str) -> bool:
        """Whether `lock` is installed as it stands now."""
        stamp = self._read_stamp()
        return (
            stamp.get("locks", {}).get(lock) == _digest(self.root / lock)
            and stamp["identity"] == self._identity()
        )

    def _install(self, lock: str) -> None:
        stamp = self._read_stamp()
        reusable = bool(stamp) and stamp["identity"] == self._identity()
        self.stamp.unlink(missing_ok=True)
        if not reusable:
            say(f"making a virtual environment for Python {sys.version.split()[0]} in {self.path}")
        say(f"installing {lock} into {self.path}")
        uv = find_uv()
        if uv is None or not self._install_by_uv(uv, lock, anew=not reusable):
            self._install_by_pip(lock, anew=not reusable)
        self._write_stamp(lock)

    def _install_by_uv(self, uv: str, lock: str, anew: bool) -> bool:
        """Whether uv could. It may not: it knows neither pip's settings nor its keyrings."""
        if anew:
            python = getattr(sys, "_base_executable", sys.executable)
            options = ["--quiet", "--clear", "--no-project", "--no-python-downloads"]
            options += ["--prompt", "switchyard", "--python", python]
            if not _runs([uv, "venv", *options, str(self.path)]):
                say("uv could not make it: its message is above. Trying without uv.")
                return False
        options = ["--quiet", "--python", str(self.python), "--require-hashes"]
        if _runs([uv, "pip", "install", *options, "-r", str(self.root / lock)]):
            return True
        say(f"uv could not install {lock}: its message is above. Trying pip.")
        return False

    def _install_by_pip(self, lock: str, anew: bool) -> None:
        pip = [str(self.python), "-I", "-m", "pip"]
        # uv leaves pip out of what it makes.
        if anew or not _runs([*pip, "--version"], quiet=True):
            self._create()
        pip += ["install", "--quiet", "--no-input", "--disable-pip-version-check"]
        if not _runs([*pip, "--require-hashes", "-r", str(self.root / lock)]):
            raise SetupError(
                f"pip could not install {lock}: its message is above. Nothing was started."
                " The next start tries again."
            )

    def _create(self) -> None:
        try:
            venv.create(self.path, clear=True, symlinks=True, with_pip=True, prompt="switchyard")
        except (OSError, subprocess.CalledProcessError) as error:
            message = f"no virtual environment could be made in {self.path}: {error}"
            raise SetupError(message) from error

    def _identity(self) -> str | None:
        """What the installed files depend on: the place, the Python and the platform.

        None if the environment's Python does not run.
        """
        facts = "sys.prefix, sys.implementation.cache_tag, sysconfig.get_platform()"
        command = [str(self.python), "-I", "-c", f"import sys, sysconfig; print({facts})"]
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
            ).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    def _read_stamp(self) -> dict:
        try:
            return json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}

    def _write_stamp(self, lock: str) -> None:
        locks = {name: _digest(self.root / name) for name in (lock, *INCLUDES.get(lock, ()))}
        text = json.dumps({"identity": self._identity(), "locks": locks}, indent=2)
        partial = self.stamp.with_suffix(".partial")
        partial.write_text(text + "\n")
        partial.replace(self.stamp)


@contextlib.contextmanager
def _exclusively() -> Iterator[None]:
    # This file itself is what is locked: there is nothing to create and nothing to leave behind,
    # and the system lets go of the lock when its holder dies.
    with open(__file__, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is installing; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find_uv() -> str | None:
    """The path of uv, also where its installer puts it without changing PATH."""
    return shutil.which("uv") or shutil.which("uv", path=Path.home() / ".local" / "bin")


def _runs(command: list[str], quiet: bool = False) -> bool:
    """Whether a command ends well. What it says is shown unless `quiet`."""
    said = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def say(message: str) -> None:
    print(f"switchyard: {message}", file=sys.stderr, flush=True)


def _stop(number: int, _frame: object) -> NoReturn:
    # As an exception, so that a pip under way is stopped with us.
    sys.exit(128 + number)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    environment = Environment(Path(__file__).resolve().parents[2])
    lock, *command = arguments
    try:
        environment.ensure(lock)
    except SetupError as error:
        say(str(error))
        return 1
    if command:
        script = str(environment.root / command[0])
        python = str(environment.python)
        os.execv(python, [python, "-P", script, *command[1:]])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
