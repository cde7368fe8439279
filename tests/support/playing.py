"""Plays the steps of a behaviour on one request; what they mean in bytes is the protocol's."""

import asyncio
from abc import ABC
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any

from tests.support.steps import Behaviour
from tests.support.steps import Do
from tests.support.steps import Drip
from tests.support.steps import Fields
from tests.support.steps import GoAway
from tests.support.steps import Head
from tests.support.steps import Note
from tests.support.steps import Raw
from tests.support.steps import ResetStream
from tests.support.steps import Step
from tests.support.steps import Trailers
from tests.support.steps import Wait


class Over(Exception):
    """Nothing more can be played: the connection or the stream is gone."""


class Player(ABC):
    """One answer in the making."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        """Set when nobody reads the answer any more."""
        self.left_open = False

    async def play(self, behaviour: Behaviour) -> bool:
        """Whether the answer was played to its end, while somebody was there to read it."""
        try:
            for step in behaviour:
                if self.lost.is_set():
                    return False
                await self._play(step)
            if not self.left_open:
                self.end(())
        except Over:
            return not self.lost.is_set()
        return not self.lost.is_set()

    async def _play(self, step: Step) -> None:
        match step:
            case bytes():
                await self.data(step)
            case Head():
                self.head(step)
            case Raw(data):
                self.raw(data)
            case Wait(until):
                await self._while_there(until.seen(None))
            case Note(reached):
                reached.set()
            case Drip():
                await self._drip(step)
            case Trailers(fields):
                self.end(fields)
                self.left_open = True
            case ResetStream(code):
                self.reset_stream(code)
                raise Over
            case GoAway():
                self.go_away(step)
                if not step.stays:
                    raise Over
            case Do.HANG:
                await self.lost.wait()
                raise Over
            case Do.CUT:
                self.cut()
                raise Over
            case Do.RESET:
                self.reset()
                raise Over
            case Do.STAY:
                self.left_open = True

    async def _drip(self, step: Drip) -> None:
        while True:
            for piece in step.pieces:
                if step.raw:
                    self.raw(piece)
                else:
                    await self.data(piece)
                await self._while_there(asyncio.sleep(step.every))
            if not step.endless:
                return

    async def _while_there(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Waits, but not for longer than somebody reads the answer."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(waiting), loop.create_task(self.lost.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        if self.lost.is_set():
            raise Over

    @abstractmethod
    def head(self, head: Head) -> None: ...

    @abstractmethod
    async def data(self, data: bytes) -> None: ...

    @abstractmethod
    def raw(self, data: bytes) -> None: ...

    @abstractmethod
    def end(self, trailers: Fields) -> None: ...

    @abstractmethod
    def cut(self) -> None: ...

    @abstractmethod
    def reset(self) -> None: ...

    @abstractmethod
    def reset_stream(self, code: int) -> None: ...

    @abstractmethod
    def go_away(self, step: GoAway) -> None: ...
