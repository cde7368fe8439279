"""Sends a request to the server of the management API, and its answer on as it comes."""

from mitmproxy import http

from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.http_messages import own_headers
from switchyard.failover.attempt import AttemptFailure
from switchyard.management.caller import CALLER
from switchyard.management.caller import PROOF
from switchyard.management.caller import Caller

_LEFT_OUT = frozenset(
    {
        *("authorization", "x-management-key", "x-api-key", "x-goog-api-key", "api-key"),
        *("proxy-authorization", "connection", "keep-alive", "te", "transfer-encoding", "upgrade"),
        *("trailer", "expect", "content-length", "host", CALLER, PROOF),
    }
)
"""Headers that stay here: keys, and those of one connection (RFC 9110, 7.6.1)."""

NO_BODY = (204, 304)


def api_request(
    request: http.Request, head: ClientHead, content: bytes, caller: Caller, proof: str, host: str
) -> http.Request:
    """Returns a client's request as the server of the API gets it, without its key."""
    fields = [
        (name, value)
        for name, value in head.headers.fields
        if name.lower().decode("utf-8", "replace") not in _LEFT_OUT
    ]
    asked = http.Request.make(request.method, "http://127.0.0.1/", content)
    asked.path = head.path
    asked.headers = http.Headers(
        [
            (b"host", host.encode("utf-8", "surrogateescape")),
            *fields,
            (b"content-length", str(len(content)).encode()),
            (CALLER.encode(), caller.encoded().encode()),
            (PROOF.encode(), proof.encode()),
        ]
    )
    asked.raw_content = content
    return asked


class ApiReceiver:
    """Passes the answer of the API on, piece by piece; one without a body as a whole."""

    verbatim = True
    resumable = False
    enough = False

    def __init__(self, method: str) -> None:
        self._method = method
        self._head: http.Response | None = None
        self.committed = False
        self.failed = False
        self.done = False
        self.progress = 0

    @property
    def answered(self) -> bool:
        return self.done

    @property
    def whole(self) -> bool:
        """Whether the answer has no body that could be streamed."""
        assert self._head is not None
        return self._method == "HEAD" or self._head.status_code in NO_BODY

    def start(self, response: http.Response) -> None:
        self._head = response
        self.committed = not self.whole

    def data(self, data: bytes) -> bytes:
        self.progress += 1
        return data

    def skim(self, data: bytes) -> bytes | None:
        return self.data(data)

    def end(self) -> bytes:
        self.committed = self.done = True
        return b""

    def broken(self, failure: AttemptFailure) -> bytes:
        self.failed = True
        return b""

    def closing(self) -> bytes:
        return b""

    def head(self) -> http.Response:
        assert self._head is not None
        response = http.Response.make(self._head.status_code)
        response.headers = http.Headers(own_headers(self._head.headers))
        if not self.whole:
            response.headers.pop("content-length", None)
        return response
