"""Passes the bytes of the client's own destination on, and reads a decoded copy."""

from mitmproxy import http

from switchyard.attempt.headers import route_headers
from switchyard.attempt.receiver import RelayReceiver
from switchyard.exchange.http_messages import own_headers
from switchyard.failover.attempt import AttemptFailure
from switchyard.wire.encoding.bodies import MAX_ERROR_BODY

_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LINE_ENDS = (b"\n",)


class VerbatimReceiver(RelayReceiver):
    """Gives the client the bytes of its own provider once they hold output.

    A relay reads a decoded copy of them. If the client's stream has a head already, or another
    member may have to continue it, the client gets the relay's bytes instead: repaired and not
    compressed. An uncompressed stream goes out in whole events, so that it can be ended properly if
    it breaks off.
    """

    _raw: bytearray
    _head: http.Response
    _mends: bool | None = None
    """Whether the client gets the relay's bytes; None until the commit."""

    @property
    def verbatim(self) -> bool:
        return self._mends is False

    def start(self, response: http.Response) -> None:
        super().start(response)
        self._raw = bytearray()
        self._bytes = 0
        self._head = response
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        kind = response.headers.get("content-type", "").lower()
        self._ends: tuple[bytes, ...] = ()
        if encoding in ("", "identity"):
            self._ends = _EVENT_ENDS if "event-stream" in kind else self._ends
            self._ends = _LINE_ENDS if "ndjson" in kind else self._ends

    def data(self, data: bytes) -> bytes:
        # Of a refusal no more is of use than what is told of one.
        if self._head.status_code < 300 or len(self._raw) <= MAX_ERROR_BODY:
            self._raw += data
        return self._given(self._choose(super().data(data), ended=False))

    def skim(self, data: bytes) -> bytes | None:
        return None

    def end(self) -> bytes:
        return self._given(self._choose(super().end(), ended=True))

    def broken(self, failure: AttemptFailure) -> bytes:
        return self._given(self._choose(super().broken(failure), ended=True, broke=True))

    def _given(self, out: bytes) -> bytes:
        """Count what the client gets, which is not what the relay made of it."""
        self._bytes += len(out)
        self._state.sent = self._bytes
        return out

    def _choose(self, mended: bytes, ended: bool, broke: bool = False) -> bytes:
        relay = self._relay
        if not relay.committed:
            if ended and relay.failed and not broke:
                self._keep_refusal()
            return b""
        if self._mends is None:
            has_head = self._state.call.flow.response is not None
            self._mends = has_head or self._state.exchange.continuation is not None
        if self._mends:
            self._raw.clear()
            return mended
        if not relay.streams:
            return b""  # the head has it
        if (broke or (ended and relay.failed)) and self._ends:
            # Broken off: the relay has what came of the last event, and tells the failure, or ends
            # what was complete but for its end.
            return mended
        return self._taken(whole=ended or relay.failed)

    def _taken(self, whole: bool) -> bytes:
        """Returns the bytes that may go out now."""
        raw = self._raw
        cut = len(raw)
        if not whole and self._ends:
            cut = max(
                (at + len(end) for end in self._ends if (at := raw.rfind(end)) >= 0), default=0
            )
        out = bytes(raw[:cut])
        del raw[:cut]
        return out

    def _keep_refusal(self) -> None:
        status = self._head.status_code
        if status >= 300 and len(self._raw) <= MAX_ERROR_BODY:
            self._state.refusal = self._own_head(bytes(self._raw))

    def head(self) -> http.Response:
        if self._mends:
            return super().head()
        response = self._own_head(b"" if self._relay.streams else bytes(self._raw))
        if self._relay.streams:
            del response.headers["content-length"]
        else:
            self._state.sent = len(self._raw)
        for name, value in route_headers(self._state.exchange, self._state):
            response.headers[name] = value
        return response

    def _own_head(self, body: bytes) -> http.Response:
        """Returns the upstream's own head, with this body."""
        response = http.Response.make(self._head.status_code)
        response.headers = http.Headers(own_headers(self._head.headers))
        # The body is as the headers say; setting `content` would encode it once more.
        response.raw_content = body
        response.headers["content-length"] = str(len(body))
        return response
