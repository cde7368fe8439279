"""Takes events, queues them in the background, and knows their receivers."""

import logging
import sqlite3
import threading
import time
import uuid
from collections import OrderedDict
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from pathlib import Path

from switchyard.config.webhooks import EventName
from switchyard.config.webhooks import WebhookSettings
from switchyard.webhooks.outbox import WebhookOutbox
from switchyard.webhooks.outbox import open_outbox
from switchyard.webhooks.receiver import WebhookReceiver
from switchyard.webhooks.sender import SendResult
from switchyard.webhooks.sender import WebhookSender
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps

logger = logging.getLogger(__name__)

type MakeEvent = Callable[[], JsonObject]
"""Makes the data of an event, in the thread that queues it."""

MOST_IN_MEMORY = 2000
"""Events that wait to be written to the file; further ones are dropped."""

_FILE = "webhooks.sqlite"
_TOLD_EVERY = 60.0
_MOST_ONCE = 10_000
_AGAIN = 1.0
"""Seconds until events that could not be written are tried again."""
_ENDS_WITHIN = 2.0
"""Seconds that the end of the process waits for events to be written."""


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    make: MakeEvent
    once: str
    at: float


class Webhooks:
    """The receivers of the configuration in force, and the queue before them.

    `publish` costs a request an append to a list. Without receivers there is no thread, no file
    and no library.
    """

    def __init__(self) -> None:
        self._wanted: frozenset[str] = frozenset()
        self._receivers: list[WebhookReceiver] = []
        self._file: Path | None = None
        self._trusted: str | None = None
        self._events: deque[_Event] = deque()
        self._once: OrderedDict[str, None] = OrderedDict()
        self._lost = 0
        self._told = float("-inf")
        self._failing = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._over = False

    def wants(self, *names: EventName) -> bool:
        """Whether any receiver wants one of these events."""
        return not self._wanted.isdisjoint(names)

    def use(
        self, settings: tuple[WebhookSettings, ...], folder: Path, trusted: str | None = None
    ) -> None:
        """Puts receivers in force; `folder` is where their events wait.

        `trusted` is a file of certificate authorities in place of certifi's.
        """
        if not settings and self._file is None:
            return
        file = folder / _FILE
        same = (file, trusted) == (self._file, self._trusted)
        known = {one.settings: one for one in self._receivers}
        kept = [known.pop(one, None) if same else None for one in settings]
        for receiver in known.values():
            receiver.stop()
        self._file, self._trusted = file, trusted
        self._receivers = [
            one or WebhookReceiver(each, file, trusted)
            for one, each in zip(kept, settings, strict=True)
        ]
        self._wanted = frozenset(name for one in settings for name in one.events)
        for one, receiver in zip(kept, self._receivers, strict=True):
            if one is None:
                receiver.start()
        if self._thread is None and settings:
            self._thread = threading.Thread(
                target=self._run, name="switchyard webhook queue", daemon=True
            )
            self._thread.start()
        self._wake.set()

    def publish(self, name: EventName, make: MakeEvent, once: str = "") -> None:
        """Queues an event for the receivers that want it.

        With `once`, nothing is queued if any process queued an event with the same text before.
        """
        if name not in self._wanted:
            return
        if once and not self._is_first(f"{name} {once}"):
            return
        if len(self._events) >= MOST_IN_MEMORY:
            self._lost += 1
            return
        self._events.append(_Event(name, make, f"{name} {once}" if once else "", time.time()))
        self._wake.set()

    def try_out(self, label: str | None = None) -> list[JsonObject]:
        """Sends the event `webhook.test` at once, without another try.

        Returns what became of it for each receiver, or for those called `label`. For threads.
        """
        told = []
        for receiver in self._receivers:
            if label is not None and receiver.label != label:
                continue
            body = _body("webhook.test", {"receiver": receiver.label}, time.time())
            with WebhookSender(receiver.settings, self._trusted) as sender:
                result = sender.send(_new_id(), body)
            told.append({"receiver": receiver.label, **_told(result)})
        return told

    def status(self) -> list[JsonObject]:
        """Returns how each receiver is. Raises sqlite3.Error and OSError. For threads."""
        if self._file is None or not self._receivers:
            return []
        with open_outbox(self._file) as outbox:
            return [
                {
                    "receiver": one.label,
                    "events": list(one.settings.events),
                    "waiting": outbox.waiting(one.id),
                    "last": _told(one.last) if one.last is not None else None,
                }
                for one in self._receivers
            ]

    def close(self) -> None:
        """Writes what waits in memory to the file, and ends the threads."""
        self._over = True
        for receiver in self._receivers:
            receiver.stop()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_ENDS_WITHIN)

    def _is_first(self, key: str) -> bool:
        if key in self._once:
            return False
        self._once[key] = None
        if len(self._once) > _MOST_ONCE:
            self._once.popitem(last=False)
        return True

    def _run(self) -> None:
        while not self._over or self._events:
            self._wake.wait(_AGAIN if self._failing else None)
            self._wake.clear()
            try:
                self._write_all()
            except (sqlite3.Error, OSError) as error:
                self._fail(error)
            else:
                self._failing = False
            if self._lost:
                self._complain()

    def _write_all(self) -> None:
        assert self._file is not None
        with open_outbox(self._file) as outbox:
            outbox.keep_only([one.id for one in self._receivers])
            while self._events:
                self._write(outbox, self._events[0])
                self._events.popleft()

    def _write(self, outbox: WebhookOutbox, event: _Event) -> None:
        try:
            body = _body(event.name, event.make(), event.at)
        except Exception:
            logger.exception("switchyard: the event %s cannot be described", event.name)
            return
        message = _new_id()
        wanted = [
            one
            for one in self._receivers
            if not one.is_retired and event.name in one.settings.events
        ]
        with outbox.whole():
            if event.once and not outbox.is_news(event.once):
                return
            placed = [one for one in wanted if outbox.add(one.id, message, event.name, body)]
        self._lost += len(wanted) - len(placed)
        for receiver in placed:
            receiver.wake()

    def _fail(self, error: Exception) -> None:
        """The file cannot be written: events wait in memory."""
        if not self._failing:
            self._failing = True
            logger.warning(
                "switchyard: the queue of webhooks fails (%s). Events wait in memory",
                type(error).__name__,
            )

    def _complain(self) -> None:
        now = time.monotonic()
        if now - self._told < _TOLD_EVERY:
            return
        self._told = now
        logger.warning("switchyard: %d events for webhooks are lost: too many wait", self._lost)
        self._lost = 0


def _new_id() -> str:
    return f"msg_{uuid.uuid4().hex}"


def _body(name: str, data: JsonObject, at: float) -> str:
    """Returns an event as JSON: its type, when it happened, and what is known of it."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return dumps({"type": name, "timestamp": moment, "data": data}).decode()


def _told(result: SendResult) -> JsonObject:
    return {"ok": result.ok, "status": result.status, "why": result.why or None}
