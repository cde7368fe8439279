"""Sends one tiny request to a model, to see whether it answers."""

import time
from dataclasses import dataclass

from mitmproxy import ctx
from pydantic import SecretStr

from switchyard.attempt.model_listing import headers_of
from switchyard.attempt.url import endpoint_url
from switchyard.attempt.url import url_without_socket
from switchyard.config.provider import Provider
from switchyard.egress.egress import Egress
from switchyard.egress.fetch import FetchError
from switchyard.egress.fetch import fetch
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Turn
from switchyard.wire.registry import FORMATS

_QUESTION = "Reply with the single word ok."
_MOST_TOKENS = 64
"""Enough for a model that thinks first, and little enough to cost next to nothing."""
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: `error` is empty where the model answered."""

    ms: int
    text: str = ""
    error: str = ""


async def try_model(
    provider: Provider, model: str, key: SecretStr | None, way: Egress | None, base: str
) -> Trial:
    """Return what a model at a provider's address `base` answers to a short question."""
    format = FORMATS[provider.formats[0]]
    turns = (Turn(role="user", parts=(Text(text=_QUESTION),)),)
    asked = Conversation(format=format.name, model=model, turns=turns, max_tokens=_MOST_TOKENS)
    body = format.with_stream(format.with_model(format.write_request(asked), model), False)
    url = url_without_socket(endpoint_url(base, format, format.path(model, False)))
    headers = dict(headers_of(provider, format, key))
    headers.setdefault("host", url.split("/", 3)[2])
    headers["content-type"] = "application/json"
    trusted = ctx.options.ssl_verify_upstream_trusted_ca
    began = time.monotonic()
    try:
        raw = await fetch(url, headers.items(), way, provider, trusted, dumps(body))
        reply = format.read_reply(loads(raw))
    except (FetchError, ValueError) as e:
        return Trial(_since(began), error=str(e))
    said = "".join(part.text for part in reply.choice.parts if isinstance(part, Text))
    return Trial(_since(began), text=said[:_MOST_TEXT])


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
