"""Whether an attempt streams, and what becomes of its answer."""

import time
from dataclasses import replace

from mitmproxy import http

from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.failover.attempt import Failure
from addons.guard import guarded
from addons.headers import answer_headers
from addons.headers import stream_head
from addons.runtime import Runtime
from addons.wire.relay import Relay

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
        exchange = self._runtime.exchanges.get(attempt.flow)
        if exchange is None or exchange.target is None or attempt.answer:
            return
        upstream = exchange.upstream_format
        assert upstream
        policy = exchange.target.provider.stream
        exchange.upstream_streams = upstream_streams(policy, exchange.streams)
        exchange.says_stream = policy != "as-asked"
        exchange.upstream_headers = {}
        asked = exchange.asked
        if not exchange.passes_through:
            asked = replace(asked, conversation=exchange.conversation)
        exchange.relay = Relay(upstream, exchange.format, exchange.streams, asked)
        attempt.receiver = RelayReceiver(exchange, exchange.relay)


def upstream_streams(policy: str, wish: bool) -> bool:
    """Whether the upstream shall stream, given what the client wishes."""
    return {"force-on": True, "force-off": False}.get(policy, wish)


class RelayReceiver:
    """Lets the failover stream drive a `Relay`."""

    def __init__(self, exchange: Exchange, relay: Relay) -> None:
        self._exchange = exchange
        self._relay = relay
        self._upstream: http.Response | None = None
        self._succeeded = False

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
        self._tell_success()
        return out

    def end(self) -> bytes:
        out = self._relay.end()
        self._tell_success()
        return out

    def _tell_success(self) -> None:
        """Its first output clears a target: others need not wait until the answer is complete."""
        if self._relay.committed and not self._succeeded:
            self._succeeded = True
            if self._exchange.trail and self._exchange.current:
                self._exchange.trail.succeeded(self._exchange.current, time.monotonic())

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
