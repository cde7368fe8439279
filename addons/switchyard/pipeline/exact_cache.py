"""Answers repeated calls for embeddings and token counts from memory, where `cache:` says so."""

import hashlib
import secrets
import time

from mitmproxy import http

from switchyard.config.schema import CacheSettings
from switchyard.config.schema import Config
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import guarded
from switchyard.exchange.registry import Exchanges
from switchyard.runtime.snapshots import Snapshots
from switchyard.state.kept_replies import KeptReplies
from switchyard.state.kept_replies import KeptReply
from switchyard.wire.operations.operation import OperationRelay

HIT = "x-switchyard-cache"
"""The header of a response from the cache, with its age in seconds."""

_KINDS = {"embed": "embeddings", "count": "count-tokens"}
"""Kinds of endpoints, as `cache: for` names them."""


class ExactCache:
    """Keeps successful replies, by client key and the bytes of the request.

    Stands behind `Limiting`, so that a cached reply counts as a request of its key.
    """

    def __init__(self, snapshots: Snapshots, exchanges: Exchanges) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._replies = KeptReplies()
        self._salt = secrets.token_bytes(16)
        self._config: Config | None = None
        """The configuration that the replies were made under."""

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None or exchange.plan is None or flow.response:
            return
        if self._settings(exchange) is None:
            return
        now = time.monotonic()
        if (reply := self._replies.get(self._key(exchange), now)) is None:
            return
        exchange.cached = True
        told = {"content-type": "application/json", HIT: f"hit; age={int(now - reply.since)}"}
        flow.response = http.Response.make(200, reply.body, told)

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None or exchange.cached or (settings := self._settings(exchange)) is None:
            return
        shown = exchange.shown
        relay = shown.relay if shown is not None else None
        if not isinstance(relay, OperationRelay) or relay.failed or not relay.done:
            return
        response = flow.response
        if response is not None and response.status_code == 200 and response.raw_content:
            now = time.monotonic()
            kept = KeptReply(response.raw_content, now, now + settings.ttl)
            self._replies.put(self._key(exchange), kept)

    def _settings(self, exchange: Exchange) -> CacheSettings | None:
        """Returns the settings if they are for an exchange's call; None if it is not cached."""
        config = self._snapshots.current.config
        if config is not self._config:
            self._config = config
            self._replies.clear()  # names may lead elsewhere now
        settings, kind = config.cache, _KINDS.get(exchange.call.endpoint.kind)
        return settings if settings is not None and kind in settings.for_ else None

    def _key(self, exchange: Exchange) -> bytes:
        """Returns a digest of who asks for what; the same for nobody else."""
        call = exchange.call
        digest = hashlib.blake2b(key=self._salt, digest_size=20)
        credential = call.credential.get_secret_value() if call.credential is not None else ""
        plan = exchange.plan
        place = plan.origin if plan is not None else ""
        endpoint = call.endpoint
        for text in (
            call.client_label,
            credential,
            place,
            endpoint.format.name,
            endpoint.method,
            call.model,
        ):
            part = text.encode(errors="surrogatepass")
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        digest.update(call.raw)
        return digest.digest()
