"""Reads a response that is one body: a JSON document, or the body of an error."""

from collections.abc import Callable

from switchyard.values.pieces import Pieces
from switchyard.wire.encoding.bodies import MAX_ERROR_BODY
from switchyard.wire.encoding.bodies import parse_body
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.errors import BadReply
from switchyard.wire.outcome import ProblemKind
from switchyard.wire.outcome import refusal_of
from switchyard.wire.relay.outcome import Outcome

type ReadDocument = Callable[[bytes, JsonObject], bytes]
"""Takes a body, as it came and as JSON, that reports no error. Sets what the outcome is, and
returns the client's bytes where it wants a stream. Raises BadReply."""


class ErrorReader:
    """Reads a response with an error status, up to `MAX_ERROR_BODY` bytes."""

    def __init__(self, outcome: Outcome, upstream: Format) -> None:
        self._outcome = outcome
        self._upstream = upstream
        self._collected = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._collected += data[: MAX_ERROR_BODY - len(self._collected)]
        return self.end() if len(self._collected) == MAX_ERROR_BODY else b""

    def end(self) -> bytes:
        error = refusal_of(self._upstream, self._outcome.status, bytes(self._collected))
        self._outcome.fail("status", error.message, error)
        return b""

    def cut(self, message: str) -> bytes:
        """Treats a truncated error body like a complete one."""
        return self.end()

    def fail(self, kind: ProblemKind, message: str) -> bytes:
        """Treats an error body that cannot be read like none: the status says enough."""
        return self.end()


class BodyCollector:
    """Keeps a body of at most `most` bytes, which a subclass reads at its end."""

    def __init__(self, outcome: Outcome, most: int) -> None:
        self._outcome = outcome
        self._most = most
        self._collected = Pieces()

    def feed(self, data: bytes) -> bytes:
        self._collected += data
        if len(self._collected) > self._most:
            self._outcome.fail("malformed", f"the response is larger than {self._most} bytes")
        return b""

    def fail(self, kind: ProblemKind, message: str) -> bytes:
        self._outcome.fail(kind, message)
        return b""


class DocumentReader(BodyCollector):
    """Reads a response that is one JSON document, when it is complete."""

    def __init__(
        self,
        outcome: Outcome,
        upstream: Format,
        most: int,
        read: ReadDocument,
        read_lines: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """Accepts up to `most` bytes.

        `read_lines` reads a body that is no document, for formats whose streams are lines of JSON:
        an upstream may declare such a stream as one document.
        """
        super().__init__(outcome, most)
        self._upstream = upstream
        self._read = read
        self._read_lines = read_lines

    def end(self) -> bytes:
        raw = bytes(self._collected)
        self._collected.clear()
        body = parse_body(raw)
        if body is not None:
            return self._read_body(raw, body)
        if not raw.strip():
            return self.fail("empty", "the upstream answered with an empty body")
        if self._read_lines is not None:
            return self._read_lines(raw)
        return self.fail("malformed", "the upstream answered with a body that is not a JSON object")

    def cut(self, message: str) -> bytes:
        """A document that is whole is none the worse for the end of its connection."""
        raw = bytes(self._collected)
        self._collected.clear()
        body = parse_body(raw)
        return self._read_body(raw, body) if body is not None else self.fail("cut", message)

    def _read_body(self, raw: bytes, body: JsonObject) -> bytes:
        if (error := self._upstream.find_error(body)) is not None:
            self._outcome.fail("body", error.message, error)
            return b""
        try:
            return self._read(raw, body)
        except BadReply as e:
            return self.fail("malformed", str(e))
