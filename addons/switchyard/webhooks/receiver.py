"""Delivers the events of one receiver, in a thread of its own."""

import hashlib
import logging
import random
import threading
from pathlib import Path
from urllib.parse import urlsplit

from switchyard.config.webhooks import WebhookSettings
from switchyard.webhooks.outbox import Delivery
from switchyard.webhooks.outbox import WebhookOutbox
from switchyard.webhooks.outbox import open_outbox
from switchyard.webhooks.sender import SendResult
from switchyard.webhooks.sender import WebhookSender

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 12 * 3600.0
"""Seconds between two tries at most."""

_GROWS = 4.0
_JITTER = 0.1
_LOOK_EVERY = 5.0
"""Seconds between two looks at events that other processes queued."""


def receiver_id(settings: WebhookSettings) -> str:
    """Returns what the outbox knows a receiver by; its URL may hold a secret."""
    return hashlib.sha256(settings.url.encode()).hexdigest()[:32]


def receiver_label(settings: WebhookSettings) -> str:
    """Returns what logs call a receiver: its host, without the path."""
    parts = urlsplit(settings.url)
    return f"{parts.scheme}://{parts.netloc}"


def pause_before(settings: WebhookSettings, tries: int) -> float:
    """Returns the seconds until the next try, after so many."""
    pause = min(LONGEST_PAUSE, settings.pause * _GROWS ** min(tries - 1, 20))
    return pause * random.uniform(1 - _JITTER, 1 + _JITTER)


class WebhookReceiver:
    """One receiver and the thread that sends to it.

    A receiver that is dead or slow delays its own events alone.
    """

    def __init__(self, settings: WebhookSettings, file: Path, trusted: str | None) -> None:
        self.settings = settings
        self.id = receiver_id(settings)
        self.label = receiver_label(settings)
        self.is_retired = False
        """Whether it wants no more events, and gets none until the next start."""
        self.last: SendResult | None = None
        """What became of the last try in this process."""
        self._file = file
        self._trusted = trusted
        self._wake = threading.Event()
        self._over = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="switchyard webhooks", daemon=True)

    def start(self) -> None:
        """Begins to send what waits."""
        self._thread.start()

    def wake(self) -> None:
        """An event was queued."""
        self._wake.set()

    def stop(self) -> None:
        """Ends after the try that is under way; what waits stays in the file."""
        self._over = True
        self._wake.set()

    def _run(self) -> None:
        while not self._over:
            try:
                with open_outbox(self._file) as outbox:
                    with WebhookSender(self.settings, self._trusted) as sender:
                        self._deliver(outbox, sender)
            except Exception as error:  # the file or its disk; events must go out again later
                self._complain(f"the queue of webhooks fails ({type(error).__name__})")
                self._wake.wait(_LOOK_EVERY)

    def _deliver(self, outbox: WebhookOutbox, sender: WebhookSender) -> None:
        while not self._over:
            self._wake.clear()
            delivery = outbox.claim(self.id)
            if delivery is None:
                due = outbox.due_in(self.id)
                self._wake.wait(_LOOK_EVERY if due is None else min(due + 0.001, _LOOK_EVERY))
                continue
            self.last = result = sender.send(delivery.message, delivery.body)
            if result.is_gone:
                self._retire(outbox)
            else:
                self._settle(outbox, delivery, result)

    def _settle(self, outbox: WebhookOutbox, delivery: Delivery, result: SendResult) -> None:
        if result.ok:
            outbox.forget(delivery)
            if self._failing:
                self._failing = False
                logger.info("switchyard: the webhook receiver %s takes events again", self.label)
            return
        self._complain(result.why)
        if delivery.tries > self.settings.retries:
            outbox.forget(delivery)
            logger.warning(
                "switchyard: giving up the event %s for the webhook receiver %s after %d tries",
                delivery.event,
                self.label,
                delivery.tries,
            )
            return
        pause = pause_before(self.settings, delivery.tries)
        outbox.put_back(delivery, max(pause, result.retry_after or 0.0))

    def _retire(self, outbox: WebhookOutbox) -> None:
        logger.warning(
            "switchyard: the webhook receiver %s is gone (410) and gets no more events. "
            "Remove it from webhooks, or restart the router",
            self.label,
        )
        self.is_retired = self._over = True
        outbox.drop_all(self.id)

    def _complain(self, why: str) -> None:
        if not self._failing:
            self._failing = True
            logger.warning(
                "switchyard: the webhook receiver %s fails: %s. Its events wait and are sent again",
                self.label,
                why,
            )
