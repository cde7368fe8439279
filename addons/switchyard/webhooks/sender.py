"""Sends one event to its receiver, signed.

Source: Standard Webhooks 1.0, "Webhook headers" and "Deliverability and reliability".
"""

import importlib
import ssl
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from types import TracebackType
from typing import Any
from typing import Self
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

import certifi

from switchyard.config.webhooks import WebhookSettings
from switchyard.webhooks.public_addresses import AddressRefused
from switchyard.webhooks.public_addresses import address_of_host

TIMEOUT = 10.0
"""Seconds for a connection, and for each step of an answer."""

_LONGEST_WAIT = 86400
_MOST_READ = 65536
"""Bytes of an answer's body, which nobody needs."""
_TOO_MANY = (429, 503)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one try."""

    ok: bool
    why: str = ""
    """Why it failed, without anything of the URL's path."""
    status: int | None = None
    retry_after: float | None = None
    """Seconds that the receiver asks to be left alone."""

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more events (410)."""
        return self.status == 410


class WebhookSender:
    """Sends events to one receiver, over connections that stay open. For one thread."""

    def __init__(self, settings: WebhookSettings, trusted: str | None) -> None:
        """`trusted` is a file of certificate authorities in place of certifi's."""
        self._settings = settings
        self._trusted = trusted
        self._signers: list[Any] = []
        self._library: Any = None
        self._client: Any = None
        parts = urlsplit(settings.url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._parts = parts

    def __enter__(self) -> Self:
        self._library = importlib.import_module("httpx2")
        made = importlib.import_module("standardwebhooks").Webhook
        self._signers = [made(secret.get_secret_value()) for secret in self._settings.secret]
        self._client = self._library.Client(
            verify=self._tls() if self._parts.scheme == "https" else False,
            trust_env=False,
            follow_redirects=False,
            timeout=TIMEOUT,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._trusted or certifi.where())

    def send(self, message: str, body: str) -> SendResult:
        """Sends an event by its id and its JSON; every failure is in the result."""
        try:
            address = address_of_host(self._host, self._port, self._settings.allow_private)
        except AddressRefused as refused:
            return SendResult(False, str(refused))
        except OSError:
            return SendResult(False, "its name has no address")
        try:
            return self._post(address, message, body)
        except (self._library.HTTPError, ssl.SSLError, OSError) as error:
            return SendResult(False, f"it gave no answer ({type(error).__name__})")

    def _post(self, address: str, message: str, body: str) -> SendResult:
        bare = f"[{address}]" if ":" in address else address
        place = urlunsplit(self._parts._replace(netloc=f"{bare}:{self._port}"))
        with self._client.stream(
            "POST",
            place,
            content=body.encode(),
            headers=self._headers(message, body),
            extensions={"sni_hostname": self._host},
        ) as answer:
            status, size = answer.status_code, 0
            for piece in answer.iter_raw():  # to its end, so that the connection can stay open
                size += len(piece)
                if size > _MOST_READ:
                    break
            if 200 <= status < 300:
                return SendResult(True, status=status)
            wait = answer.headers.get("retry-after", "") if status in _TOO_MANY else ""
            seconds = min(_LONGEST_WAIT, int(wait)) if wait.isdecimal() and len(wait) < 9 else None
            return SendResult(False, f"it answered {status}", status, seconds)

    def _headers(self, message: str, body: str) -> dict[str, str]:
        now = datetime.now(UTC)
        signed = " ".join(signer.sign(message, now, body) for signer in self._signers)
        return {
            "host": self._parts.netloc,
            "content-type": "application/json",
            "user-agent": "switchyard",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signed,
        }
