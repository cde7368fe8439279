"""Defines receivers of webhooks: where events are sent, signed by which secrets."""

import base64
import binascii
from typing import Annotated
from typing import Literal
from typing import Self
from typing import get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import PlainValidator
from pydantic import model_validator

from switchyard.config.fields import Natural
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import Secret
from switchyard.config.fields import as_list
from switchyard.config.fields import refuse
from switchyard.config.section import Section

EventName = Literal[
    "request.completed",
    "request.failed",
    "quota.warning",
    "quota.exceeded",
    "budget.exceeded",
    "provider.down",
    "provider.up",
    "key.expiring",
    "account.login-needed",
    "cache.broken",
]
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a secret, as Standard Webhooks, "Signature scheme", wants them."""


def _signs(value: Secret) -> Secret:
    hint = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
    text = value.get_secret_value().removeprefix(_PREFIX)
    try:
        size = len(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise refuse("is no secret of webhooks (whsec_ and base64)", hint) from None
    if not _SHORTEST <= size <= _LONGEST:
        raise refuse(f"must hold {_SHORTEST} to {_LONGEST} bytes", hint)
    return value


def _url(value: object) -> str:
    text = str(value).strip()
    try:
        parts = urlsplit(text)
        valid = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        raise refuse("is not a URL with a host", "write https://host/path") from None
    if not valid or not text.isascii() or not text.isprintable() or " " in text:
        raise refuse("is not a URL with a host", "write https://host/path")
    if parts.scheme not in ("https", "http"):
        raise refuse("must be an https:// URL", "write https://host/path")
    if "@" in parts.netloc or parts.fragment:
        raise refuse("has a user name, a password or a # in it", "remove it: secret signs events")
    return text


Secrets = Annotated[
    tuple[Annotated[Secret, AfterValidator(_signs)], ...],
    BeforeValidator(as_list),
    Field(min_length=1),
]
EventNames = Annotated[tuple[EventName, ...], BeforeValidator(as_list), Field(min_length=1)]


class WebhookSettings(Section):
    """One receiver of events."""

    url: Annotated[str, PlainValidator(_url)]
    secret: Secrets
    """Signs each event; the former one too, while a secret is replaced by another."""
    events: EventNames = EVENT_NAMES
    allow_private: bool = False
    """Whether the host may have an address that is not of the public internet."""
    pause: PositiveDuration = 5.0
    """Seconds until a failed event is sent again; each further pause is four times as long."""
    retries: Natural = 8

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.url.lower().startswith("http://") and not self.allow_private:
            raise refuse(
                "has an http:// URL, which everybody on the way can read",
                "write https://, or allow-private: true for a receiver in your own network",
            )
        return self
