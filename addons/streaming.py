"""Whether an attempt streams, and what becomes of its answer."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from mitmproxy import http

from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.failover.attempt import Failure
from addons.fallback import scrubbed
from addons.guard import guarded
from addons.headers import answer_headers
from addons.headers import stream_head
from addons.recall import keep
from addons.runtime import Runtime
from addons.wire.aside import AsideRelay
from addons.wire.relay import Relay
from addons.wire.seam import Seam

_JSON = "application/json"


class Streaming:
    """Sets the attempt's stream flag by the provider's policy, and reads its answer.

    `as-asked` leaves the client's wish alone; `default-off` says `stream: false` where the client
    said nothing (some APIs stream by default); `force-on` and `force-off` decide for the upstream,
    and the client still gets what it asked for.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._runtime.exchanges.of(attempt)
        if exchange is None or exchange.target is None or attempt.answer:
            return
        upstream = exchange.upstream_format
        assert upstream
        exchange.upstream_headers = {}
        if exchange.aside is not None:
            exchange.upstream_streams = False
            exchange.relay = AsideRelay(exchange.aside, upstream)
            attempt.receiver = RelayReceiver(exchange, exchange.relay, self._succeeded)
            return
        policy = exchange.target.provider.stream
        exchange.upstream_streams = upstream_streams(policy, exchange.streams)
        exchange.says_stream = policy != "as-asked"
        asked = exchange.asked
        if not exchange.passes_through:
            asked = replace(asked, conversation=exchange.conversation)
        if exchange.plan and exchange.plan.continue_streams and exchange.streams:
            exchange.seam = exchange.seam or Seam()
        exchange.relay = Relay(
            upstream, exchange.format, exchange.streams, asked, exchange.seam, exchange.told
        )
        exchange.relay.redact = partial(scrubbed, exchange)
        attempt.receiver = RelayReceiver(exchange, exchange.relay, self._succeeded, self._completed)

    def _succeeded(self, exchange: Exchange) -> None:
        """Its first output clears a target: others need not wait until the answer is complete."""
        if isinstance(exchange.relay, Relay):
            exchange.told = exchange.told or exchange.relay
        self._runtime.exchanges.begin(exchange)
        if exchange.trail and exchange.current:
            exchange.trail.succeeded(exchange.current, time.monotonic())

    def _completed(self, exchange: Exchange) -> None:
        """Kept before the client sees the end: it may go on from it at once."""
        if self._runtime.exchanges.get(exchange.flow) is exchange:
            keep(self._runtime.conversations, exchange)


def upstream_streams(policy: str, wish: bool) -> bool:
    """Whether the upstream shall stream, given what the client wishes."""
    return {"force-on": True, "force-off": False}.get(policy, wish)


class RelayReceiver:
    """Lets the failover stream drive a `Relay`."""

    def __init__(
        self,
        exchange: Exchange,
        relay: Relay | AsideRelay,
        succeeded: Callable[[Exchange], None],
        completed: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._exchange = exchange
        self._relay = relay
        self._upstream: http.Response | None = None
        self._tell_success: Callable[[Exchange], None] | None = succeeded
        self._tell_end = completed

    @property
    def committed(self) -> bool:
        return self._relay.committed

    @property
    def failed(self) -> bool:
        return self._relay.failed

    @property
    def done(self) -> bool:
        return self._relay.done

    @property
    def enough(self) -> bool:
        return self._relay.enough

    @property
    def resumable(self) -> bool:
        return self._relay.resumable

    def closing(self) -> bytes:
        return self._relay.closing()

    @property
    def whole(self) -> bool:
        return not self._relay.streams

    def start(self, response: http.Response) -> None:
        self._upstream = response
        headers = response.headers
        self._exchange.upstream_headers = {k.lower(): v for k, v in headers.items()}
        self._relay.start(
            response.status_code,
            headers.get("content-type", ""),
            headers.get("content-encoding", ""),
        )

    def data(self, data: bytes) -> bytes:
        out = self._relay.feed(data)
        self._notice()
        return out

    def end(self) -> bytes:
        out = self._relay.end()
        self._notice()
        return out

    def _notice(self) -> None:
        relay = self._relay
        if relay.committed and self._tell_success is not None:
            self._tell_success(self._exchange)
            self._tell_success = None
        if relay.committed and relay.done and not relay.failed and self._tell_end is not None:
            self._tell_end(self._exchange)
            self._tell_end = None

    def broken(self, failure: Failure) -> bytes:
        return self._relay.cut(failure.message)

    def head(self) -> http.Response:
        assert self._upstream
        relay = self._relay
        head = dict(stream_head(self._exchange)) if relay.streams else {"content-type": _JSON}
        response = http.Response.make(200, relay.body, head)
        if relay.streams:
            del response.headers["content-length"]
        for name, value in answer_headers(self._exchange, self._upstream.headers):
            response.headers[name] = value
        return response
