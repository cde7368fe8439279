"""Sends one tiny request to a target, to see whether its key and its model work."""

import asyncio
import time

from mitmproxy import ctx
from pydantic import SecretStr

from switchyard.accounts.token import SourceError
from switchyard.attempt.model_listing import headers_of
from switchyard.attempt.platforms import provider_body
from switchyard.attempt.platforms import provider_url
from switchyard.attempt.signing import sign_request
from switchyard.attempt.url import url_without_socket
from switchyard.config.provider import Provider
from switchyard.config.provider import credentials_of
from switchyard.egress.fetch import FetchError
from switchyard.egress.fetch import fetch
from switchyard.exchange.http_messages import make_request
from switchyard.redaction.aws_credentials import AwsCredentials
from switchyard.redaction.text import redact
from switchyard.routing.profiles import formats_of
from switchyard.runtime.runtime import Runtime
from switchyard.wire.encoding.event_stream import CorruptEventStream
from switchyard.wire.encoding.event_stream import EventMessageDecoder
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS

_QUESTION: JsonObject = {
    "messages": [{"role": "user", "content": "Say ok."}],
    "max_tokens": 16,
}


async def try_target(runtime: Runtime, provider: Provider, model: str, index: int) -> JsonObject:
    """Returns whether a provider answered with a model and its key of a number, and how fast.

    The request is not recorded. What an upstream says is shown without keys, on one line.
    """
    credentials = list(credentials_of(provider))
    began = time.monotonic()
    told: JsonObject = {"provider": provider.name, "model": model}
    if index >= len(credentials):
        return {**told, "ok": False, "error": f"it has {len(credentials)} keys", "ms": 0}
    credential = credentials[index]
    told["credential"] = credential
    try:
        answer = await _asked(runtime, provider, model, credential)
        error = _problem(answer)
    except FetchError as e:
        error = runtime.snapshot.routes.concealer.text(redact(str(e)))
    ms = round((time.monotonic() - began) * 1000)
    return {**told, "ok": not error, "error": error or None, "ms": ms}


async def _asked(runtime: Runtime, provider: Provider, model: str, credential: str) -> bytes:
    snapshot = runtime.snapshot
    format = PROVIDER_FORMATS[(formats_of(provider, model) or provider.formats)[0]]
    chat = FORMATS["openai-chat"]
    question = chat.read_request({**_QUESTION, "model": model})
    body = format.with_stream(format.with_model(format.write_request(question), model), False)
    key = await _key(runtime, credential)
    headers = dict(headers_of(provider, format, key))
    headers["content-type"] = "application/json"
    base, path = snapshot.base_url(provider, format.name), format.path(model, False)
    url = provider_url(provider, format, base, model, False, path)
    body = provider_body(provider, format, body, headers, False)
    request = make_request(url_without_socket(url), headers, dumps(body))
    if isinstance(key, AwsCredentials):
        await asyncio.to_thread(sign_request, request, key)
    trusted = ctx.options.ssl_verify_upstream_trusted_ca
    way = snapshot.egress.of(credential, format.name)
    sent = [(name, value) for name, value in request.headers.items() if name != "content-length"]
    return await fetch(request.url, sent, way, provider, trusted, request.content)


def _problem(answer: bytes) -> str:
    """Returns what is wrong with a response; empty for JSON, and for AWS' event stream."""
    if loads_object(answer) is not None:
        return ""
    try:
        messages = EventMessageDecoder().feed(answer)
    except CorruptEventStream:
        messages = []
    kinds = {message.text(":message-type") for message in messages}
    return "" if kinds == {"event"} else "its response is not JSON"


async def _key(runtime: Runtime, credential: str) -> SecretStr | None:
    routes = runtime.snapshot.routes
    if (source := routes.source(credential)) is None:
        return routes.key(credential)
    try:
        return await runtime.accounts.obtain(source)
    except SourceError as e:
        raise FetchError(f"its credential {e}") from None
