"""Decompresses a response and chooses its reader, for every kind of call."""

from typing import Protocol

from switchyard.wire.encoding.content_coding import CorruptEncoding
from switchyard.wire.encoding.content_coding import Decode
from switchyard.wire.encoding.content_coding import UnknownEncoding
from switchyard.wire.encoding.content_coding import decoder
from switchyard.wire.encoding.event_stream import CONTENT_TYPE
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Usage
from switchyard.wire.outcome import Problem
from switchyard.wire.outcome import ProblemKind
from switchyard.wire.relay.document_reader import ErrorReader
from switchyard.wire.relay.event_messages import MessagesAsEvents
from switchyard.wire.relay.outcome import Outcome


class ResponseReader(Protocol):
    """Reads one decompressed body and writes the `Outcome`.

    All methods return bytes for a client that receives a stream.
    """

    def feed(self, data: bytes) -> bytes:
        """Reads one piece of the body."""
        ...

    def end(self) -> bytes:
        """Reads the end of a complete body."""
        ...

    def cut(self, message: str) -> bytes:
        """Handles a body that broke off; `message` says how."""
        ...

    def fail(self, kind: ProblemKind, message: str) -> bytes:
        """Handles a body whose rest cannot be read."""
        ...


class ResponseRelay:
    """Reads one response: `start`, then `feed` for each piece, then `end` or `cut`.

    After `end` either `committed` or `failed` is set. A subclass chooses the reader by the first
    bytes of a response whose status is no error.
    """

    streams: bool = False
    """Whether the client wants a stream."""

    def __init__(self, upstream: Format) -> None:
        self.upstream = upstream
        self.outcome = Outcome()
        self._content_type = ""
        self._decode: Decode | None = None
        self._reader: ResponseReader | None = None
        self._ended = False
        self._messages: MessagesAsEvents | None = None

    def start(self, status: int, content_type: str = "", content_encoding: str = "") -> None:
        """Takes the upstream's status, content type and content encoding."""
        self.outcome.status = status
        self._content_type = content_type.lower()
        if status >= 300:
            self._reader = ErrorReader(self.outcome, self.upstream)
        if content_encoding:
            try:
                self._decode = decoder(content_encoding)
            except UnknownEncoding as e:
                self._fail(str(e))
        elif self._content_type.startswith(CONTENT_TYPE):
            self._decode = self._messages = MessagesAsEvents()

    def feed(self, data: bytes) -> bytes:
        """Reads one piece of the body; returns the client's bytes for it."""
        if self.outcome.done:
            return b""
        if self._decode is not None:
            try:
                data = self._decode(data)
            except CorruptEncoding as e:
                return self._fail(str(e))
        reader = self._reader
        return reader.feed(data) if reader is not None else self._begin(data)

    def skim(self, data: bytes) -> bytes | None:
        """Like `feed` for a chunk that needs no parsing; None for any other chunk."""
        return None

    def end(self) -> bytes:
        """Reads the end of a complete body; returns the client's last bytes."""
        if self._messages is not None and self._messages.is_cut:
            return self.cut("the response ended within a message of its event stream")
        if self.outcome.failed or self._ended:
            return b""
        self._ended = True
        return (self._reader or self._document_reader()).end()

    def cut(self, message: str) -> bytes:
        """Handles a body that broke off; `message` says how.

        A truncated stream whose stop reason arrived is complete, and so is a whole JSON document.
        """
        if self.outcome.failed or self._ended:
            return b""
        self._ended = True
        return (self._reader or self._document_reader()).cut(message)

    @property
    def answered(self) -> bool:
        """Whether the bytes so far hold the client's terminal event."""
        outcome = self.outcome
        return outcome.done and outcome.committed and not outcome.failed

    @property
    def resumable(self) -> bool:
        """Whether another relay may continue a response that failed after its commit."""
        return False

    def closing(self) -> bytes:
        """Returns the bytes that report a failure after the commit.

        Used when no other attempt continues the stream.
        """
        return b""

    def _begin(self, data: bytes) -> bytes:
        """Chooses the reader by the first bytes of the body, and feeds it."""
        raise NotImplementedError

    def _document_reader(self) -> ResponseReader:
        """Returns the reader of a document, also for a body of white space alone."""
        raise NotImplementedError

    def _fail(self, message: str) -> bytes:
        if self._reader is not None:
            return self._reader.fail("malformed", message)
        self.outcome.fail("malformed", message)
        return b""

    @property
    def committed(self) -> bool:
        return self.outcome.committed

    @property
    def failed(self) -> bool:
        return self.outcome.failed

    @property
    def done(self) -> bool:
        return self.outcome.done

    @property
    def enough(self) -> bool:
        return self.outcome.enough

    @property
    def problem(self) -> Problem | None:
        return self.outcome.problem

    @property
    def usage(self) -> Usage | None:
        return self.outcome.usage

    @property
    def stop(self) -> Stop | None:
        return self.outcome.stop

    @property
    def body(self) -> bytes:
        return self.outcome.body

    @property
    def progress(self) -> int:
        return self.outcome.progress
