"""Proves that restarts lose nothing: `python -m tests.integration.restarts` prints the figures.

Clients call the router all the time, with streams on connections of their own and with whole
responses on connections that are kept, while SIGHUP has one process follow another. `--restarts`
says how often, `--workers` how many processes share the port.
"""

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

from switchyard.engine.running_note import RunningNote
from switchyard.engine.running_note import read_note
from switchyard.files import running_file
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.steps import Drip
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Behaviour
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

CLIENTS = 4
"""Threads of each kind."""
PATIENCE = 300.0
ANSWER = Answer(text=" ".join(f"word{number}" for number in range(40)))
_EVERY = 0.02
"""Seconds between two events of a stream, which takes about a second."""


def reaction(request: Recorded) -> Behaviour:
    if request.streams:
        return chunked(Drip(tuple(CHAT.events(ANSWER)), _EVERY))
    return whole(CHAT.whole(ANSWER))


def config(upstream: Upstream) -> dict[str, Any]:
    provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key-entries": ["sk-1"]}
    return {"providers": [provider]}


class Load:
    """Clients that call until they are stopped, and count what became of each request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.slowest = 0.0
        """Seconds until the first byte of a response."""

    @contextmanager
    def running(self) -> Iterator["Load"]:
        kinds: list[Callable[[], None]] = [self._stream, self._ask_again_and_again]
        threads = [threading.Thread(target=kind) for kind in kinds for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _count(self, what: str, problem: str = "") -> None:
        with self._lock:
            self.counts[what] += 1
            if problem:
                self.problems.append(f"{what}: {problem}")

    def _send(self, connection: HTTPConnection, stream: bool) -> bytes:
        message = {"role": "user", "content": "?"}
        body = {"model": "p/m", "messages": [message], "stream": stream}
        began = time.monotonic()
        connection.request("POST", CHAT.path, json.dumps(body))
        response = connection.getresponse()
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
        return response.read()

    def _connected(self) -> HTTPConnection | None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.connect()
        except OSError as e:
            self._count("refused", repr(e))
            return None
        return connection

    def _stream(self) -> None:
        while not self._over.is_set():
            if (connection := self._connected()) is None:
                continue
            try:
                told = read_stream("openai-chat", self._send(connection, True))
                good = told.text == ANSWER.text and not told.error
                self._count("streams" if good else "broken streams", "" if good else repr(told))
            except (OSError, AssertionError, RemoteDisconnected) as e:
                self._count("broken streams", repr(e))
            connection.close()

    def _ask_again_and_again(self) -> None:
        connection: HTTPConnection | None = None
        while not self._over.is_set():
            kept = connection is not None and connection.sock is not None
            if not kept and (connection := self._connected()) is None:
                continue
            assert connection is not None
            try:
                told = read_body("openai-chat", self._send(connection, False))
                good = told.text == ANSWER.text
                self._count("responses" if good else "broken responses", "" if good else repr(told))
            except (OSError, AssertionError, RemoteDisconnected) as e:
                # A kept connection may end at any time (RFC 9112, section 9.3.1).
                what = "ends of kept connections" if kept else "broken responses"
                self._count(what, "" if kept else repr(e))
                connection.close()
                connection = None
        if connection is not None:
            connection.close()


def note_of(router: Router) -> RunningNote | None:
    return read_note(running_file(router.port, {"XDG_STATE_HOME": str(router.directory / "state")}))


def until(happened: Callable[[], bool], what: str) -> None:
    """Wait for what another process writes into a file, which raises no event here."""
    ends = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < ends, what
        time.sleep(0.02)


def restart(router: Router, before: RunningNote) -> RunningNote:
    """Restart, and return the note once a process serves in the place of the one before."""
    os.kill(before.pid, signal.SIGHUP)
    until(lambda: note_of(router) not in (None, before), f"no restart:\n{router.log[-3000:]}")
    after = note_of(router)
    assert after is not None and not after.problem, after
    return after


def begin(directory: Path, upstream: Upstream, *arguments: str, **env: str) -> Router:
    state = {"XDG_STATE_HOME": str(directory / "state"), **env}
    router = Router(directory, config(upstream), *arguments, env=state).start()
    until(lambda: note_of(router) is not None, "it notes nowhere that it runs")
    return router


def stop(router: Router) -> None:
    """Stop the last process, and wait for the end of all."""
    note = note_of(router)
    assert note is not None
    os.kill(note.pid, signal.SIGTERM)
    assert router.wait() == 0
    router.assert_no_trouble()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restarts", type=int, default=100, metavar="N")
    parser.add_argument("--workers", type=int, default=1, metavar="N")
    options = parser.parse_args()
    began = time.monotonic()
    with Upstream() as upstream, tempfile.TemporaryDirectory() as folder:
        upstream.on("m", always=reaction)
        router = begin(Path(folder), upstream, "--workers", str(options.workers))
        took = []
        with Load(router.port).running() as load:
            note = note_of(router)
            for number in range(options.restarts):
                assert note is not None
                since = time.monotonic()
                note = restart(router, note)
                took.append(time.monotonic() - since)
                print(f"{number + 1}: {took[-1]:.1f} s, {dict(load.counts)}", flush=True)
        stop(router)
    for problem in load.problems:
        print(problem)
    print(f"{options.restarts} restarts in {time.monotonic() - began:.0f} s", end=": ")
    print(", ".join(f"{count} {what}" for what, count in sorted(load.counts.items())))
    print(f"the slowest first byte after {load.slowest:.2f} s; a restart took", end=" ")
    print(f"{sorted(took)[len(took) // 2]:.1f} s, at most {max(took):.1f} s")
    return 1 if load.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
