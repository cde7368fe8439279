"""Signs of life for clients that wait for a stream."""

from mitmproxy import http

from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.guard import guarded
from addons.headers import route_headers
from addons.headers import stream_head
from addons.messages import lower_items
from addons.runtime import Runtime
from addons.wire.errors import ApiError
from addons.wire.events import Failure
from addons.wire.jsonio import loads_object
from addons.wire.openai_responses.websocket import refusal_event


class Heartbeat:
    """Gives every attempt a heart, where the client's format has a way to say nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._runtime.exchanges.of(attempt)
        if exchange is None or not exchange.streams or not exchange.format.heartbeat:
            return
        if exchange.target is not None and exchange.target.kind == "passthrough":
            return  # its client waits as long as without us, and gets its own head
        settings = self._runtime.config.heartbeat
        talks = self._runtime.turn_of(attempt.flow) is not None
        attempt.heart = ExchangeHeart(exchange, settings.after, settings.every, talks)


class ExchangeHeart:
    """The heart of one exchange."""

    def __init__(self, exchange: Exchange, after: float, every: float, talks: bool = False) -> None:
        """`talks` says that the client gets messages, which a head is none of."""
        self.after = after
        self.every = every
        self.beat = exchange.format.heartbeat
        self._exchange = exchange
        self._talks = talks

    def head(self) -> http.Response:
        response = http.Response.make(200, b"", dict(stream_head(self._exchange)))
        del response.headers["content-length"]
        for name, value in route_headers(self._exchange):
            response.headers[name] = value
        return response

    def closing(self, answer: http.Response) -> bytes:
        """The error that `answer` tells, as the end of a stream of the client's format."""
        if self._talks:
            headers = lower_items(answer.headers)
            return refusal_event(answer.status_code, headers, answer.content or b"")
        format = self._exchange.format
        body = loads_object(answer.content or b"")
        error = format.find_error(body) if body is not None else None
        writer = format.stream_writer(self._exchange.asked)
        told = writer.feed(Failure(error or ApiError(message="No provider could answer.")))
        return told + writer.close()
