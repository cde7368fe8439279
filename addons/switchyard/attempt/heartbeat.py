"""Writes keep-alive events into the client's stream."""

from mitmproxy import http

from switchyard.attempt.headers import route_headers
from switchyard.attempt.headers import stream_head
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.responses import error_stream
from switchyard.wire.formats.openai_responses.websocket import refusal_event


class ExchangeHeart:
    """Writes the keep-alive events of one exchange."""

    def __init__(self, exchange: Exchange, after: float, every: float, talks: bool = False) -> None:
        """Prepares the heart; `talks` is set for clients that receive headless messages."""
        self.after = after
        self.every = every
        self.beat = exchange.call.format.heartbeat
        self._exchange = exchange
        self._sessions = talks

    def head(self) -> http.Response:
        response = http.Response.make(200, b"", dict(stream_head(self._exchange.call)))
        del response.headers["content-length"]
        for name, value in route_headers(self._exchange):
            response.headers[name] = value
        return response

    def closing(self, answer: http.Response) -> bytes:
        """Returns the error of `answer` as the end of a stream in the client's format."""
        if "event-stream" in answer.headers.get("content-type", ""):
            return answer.content or b""
        if self._sessions:
            headers = lower_items(answer.headers)
            return refusal_event(answer.status_code, headers, answer.content or b"")
        call = self._exchange.call
        return error_stream(call.format, call.asked, answer.content or b"")
