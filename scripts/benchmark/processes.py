"""Processes that are started, watched through /proc, and stopped. Linux only."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Service:
    """A process with its children, in a session of its own."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self.ready_after: float | None = None
        """Seconds from the start to the first answer."""
        self._began = time.monotonic()
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **environ} if environ else None,
                start_new_session=True,
            )

    def wait_for(self, url: str, within: float = 90.0) -> None:
        """Return once `url` answers anything. Raises RuntimeError with the end of the log if it
        does not in time, or the process ends."""
        until = self._began + within
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                urllib.request.urlopen(url, timeout=2).close()
            except urllib.error.HTTPError:
                pass
            except OSError:
                time.sleep(0.02)
                continue
            self.ready_after = time.monotonic() - self._began
            return
        raise RuntimeError(f"{url} does not answer: {self.log.read_text(errors='replace')[-600:]}")

    def cpu(self) -> float:
        """Seconds of processor time that the process and its children have used."""
        return sum(_cpu_of(pid) for pid in self._tree())

    def memory(self) -> float:
        """Resident memory of all of them in MB (10^6 bytes)."""
        return sum(_memory_of(pid) for pid in self._tree())

    def stop(self) -> None:
        """End all of them."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sign)
            except ProcessLookupError:
                break
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                continue

    def _tree(self) -> list[int]:
        # A tool's launcher may have put its server into a process group of its own.
        children: dict[int, list[int]] = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal() and (stat := _stat(int(entry.name))):
                children.setdefault(int(stat[1]), []).append(int(entry.name))
        found = [self._process.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_of(pid: int) -> float:
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) / _TICKS if stat else 0.0


def _memory_of(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
    except OSError:
        return 0.0
