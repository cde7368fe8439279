"""A worker's connection to the other workers of its router, through the supervising process.

Source of the messages: `engine/worker_relay.py`. Without other workers nothing is connected, and
whoever asks them gets no answers.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from mitmproxy.utils import asyncio_utils

from switchyard.engine.worker_relay import NAME
from switchyard.engine.workers import STATE
from switchyard.runtime.event_hub import EventHub
from switchyard.state.shared import frames
from switchyard.values.lasting import forever

logger = logging.getLogger(__name__)

ANSWERS_WITHIN = 2.0
"""Seconds that a question waits for workers that are busy; the answers of the others count."""

_AGAIN = 1.0
_MOST_UNSENT = 1024 * 1024
_SERVED = "served:"


class _Question:
    """One question on its way, and the answers so far."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.wanted: int | None = None
        self.complete = asyncio.Event()

    def look(self) -> None:
        """Notes whether all have answered."""
        if self.wanted is not None and len(self.answers) >= self.wanted:
            self.complete.set()


class OtherWorkers:
    """Exchanges events with the other workers, and asks them. For the event loop only."""

    def __init__(self, events: EventHub, environ: Mapping[str, str]) -> None:
        """Take the variables of this process: a worker's have the place of the state."""
        self._events = events
        where = environ.get(STATE, "")
        self._path = (
            Path(where.removeprefix(_SERVED)).with_name(NAME) if where.startswith(_SERVED) else None
        )
        self._answers: dict[str, Callable[[Any], Any]] = {}
        self._questions: dict[int, _Question] = {}
        self._numbers = count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_known = False

    @property
    def is_connected(self) -> bool:
        """Whether the supervising process knows this worker."""
        return self._is_known

    def on(self, what: str, answer: Callable[[Any], Any]) -> None:
        """Have questions of others answered; what `answer` returns goes over as JSON."""
        self._answers[what] = answer

    def begin(self) -> None:
        """Connect, on the running loop; a connection that is lost is made anew."""
        if self._path is None or self._task is not None:
            return
        self._events.on_watch = lambda watched: self._send(["watch", watched])
        self._events.forward = lambda kind, data: self._send(["event", kind, data])
        self._task = asyncio_utils.create_task(
            forever("the connection to other workers", self._turn, _AGAIN),
            name="switchyard other workers",
            keep_ref=True,
        )

    async def close(self) -> None:
        """End the connection."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def ask(self, what: str, argument: object = None) -> list[Any]:
        """Return the answers of the other workers, in no order; none where there are none."""
        if self._writer is None:
            return []
        number, question = next(self._numbers), _Question()
        self._questions[number] = question
        try:
            self._send(["ask", number, what, argument])
            async with asyncio.timeout(ANSWERS_WITHIN):
                await question.complete.wait()
        except TimeoutError:
            logger.warning("switchyard: a worker is too busy to say what it does (%s)", what)
        finally:
            del self._questions[number]
        return question.answers

    async def _turn(self) -> None:
        assert self._path is not None
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
        except OSError:
            await asyncio.sleep(_AGAIN)
            return
        try:
            self._send(["watch", self._events.has_own_readers])
            while True:
                self._handle(await frames.read(reader))
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(_AGAIN)
        finally:
            self._is_known = False
            self._events.watch_elsewhere(False)
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _handle(self, message: list[Any]) -> None:
        match message:
            case ["watch", watched]:
                self._is_known = True
                self._events.watch_elsewhere(watched)
            case ["event", kind, data]:
                self._events.receive(kind, data)
            case ["ask", asker, number, what, argument]:
                answer = self._answers.get(what)
                result = answer(argument) if answer is not None else None
                self._send(["answer", asker, number, result])
            case ["asked", number, wanted]:
                if (question := self._questions.get(number)) is not None:
                    question.wanted = wanted
                    question.look()
            case ["answer", number, result]:
                if (question := self._questions.get(number)) is not None:
                    question.answers.append(result)
                    question.look()

    def _send(self, message: list[Any]) -> None:
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        if message[0] == "event" and writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            return  # readers elsewhere lose it; requests here must not wait for them
        writer.write(frames.pack(message))
