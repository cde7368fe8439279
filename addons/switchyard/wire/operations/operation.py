"""What can be asked of a model besides an answer: how many tokens a request has, or embeddings.

Such a call is one JSON body each way, never a stream. It takes the way of every other request
(names, keys, failover), with an `Operation` in the place of the conversation and an
`OperationRelay` in that of the `Relay`.
"""

from dataclasses import dataclass
from typing import Protocol

from switchyard.wire.encoding.content_coding import CorruptEncoding
from switchyard.wire.encoding.content_coding import Decode
from switchyard.wire.encoding.content_coding import UnknownEncoding
from switchyard.wire.encoding.content_coding import decoder
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import kind_of_status
from switchyard.wire.outcome import Problem
from switchyard.wire.outcome import ProblemKind
from switchyard.wire.relay.bounds import USUAL
from switchyard.wire.relay.bounds import Bounds


@dataclass(frozen=True, slots=True)
class OperationReply:
    """What an upstream answered: the client's body, or None where the upstream's own bytes will
    do, and what was used."""

    body: JsonObject | None
    usage: Usage | None = None


class Operation(Protocol):
    """One client's call. Formats are named as in the registry."""

    service: str
    """What is asked for, in one word."""
    formats: frozenset[str]
    """The formats of providers that can be asked."""
    needs_provider: bool
    """Whether the router cannot tell by itself."""

    def path(self, format: str, model: str) -> str:
        """Path of the call at a provider of `format`, below the version segment."""
        ...

    def write(self, format: str, model: str) -> JsonObject:
        """The body of the call. The client's own object where nothing has to change but the model.
        Raises BadRequest."""
        ...

    def lost(self, format: str) -> list[str]:
        """What of the client's wishes a provider of `format` cannot be told; see `losses.lost`."""
        ...

    def read(self, format: str, body: JsonObject) -> OperationReply:
        """What the answer of a provider of `format` means. Raises BadReply if it is none."""
        ...

    def estimate(self, model: str) -> JsonObject | None:
        """The client's body where no provider can be asked, given the first provider's name of the
        model; None if the router cannot tell by itself. Raises BadRequest."""
        ...


class OperationRelay:
    """Reads one answer, with the interface of `relay.Relay`: `start`, then `feed` for each piece,
    then `end` or `cut`; after `end` either `committed` or `failed` is set."""

    streams = False
    resumable = False
    enough = False
    progress = 0

    def __init__(self, operation: Operation, upstream: Format, bounds: Bounds = USUAL) -> None:
        self.committed = False
        self.failed = False
        self.done = False
        self.problem: Problem | None = None
        self.usage: Usage | None = None
        self.body = b""
        self._aside = operation
        self._upstream = upstream
        self._status = 0
        self._decode: Decode | None = None
        self._collected = bytearray()
        self._most = bounds.body

    def start(self, status: int, content_type: str = "", content_encoding: str = "") -> None:
        """The upstream's head."""
        self._status = status
        if content_encoding:
            try:
                self._decode = decoder(content_encoding)
            except UnknownEncoding as e:
                self._fail("malformed", str(e))

    def feed(self, data: bytes) -> bytes:
        """One piece of the body; nothing is passed on before its end."""
        if self.done:
            return b""
        try:
            self._collected += self._decode(data) if self._decode else data
        except CorruptEncoding as e:
            self._fail("malformed", str(e))
        if len(self._collected) > self._most:
            self._fail("malformed", f"the response is larger than {self._most} bytes")
        return b""

    long_words = ()

    def skim(self, data: bytes) -> bytes | None:
        """As of `Relay`; an answer that is one body is read."""
        return None

    def end(self) -> bytes:
        """The body is complete."""
        if self.done:
            return b""
        raw = bytes(self._collected)
        body = loads_object(raw)
        error = self._upstream.find_error(body) if body is not None else None
        if self._status >= 300:
            self._fail("status", raw[:500].decode("utf-8", "replace"), error)
        elif not raw.strip():
            self._fail("empty", "the upstream answered with an empty body")
        elif body is None:
            self._fail("malformed", "the upstream answered with a body that is not a JSON object")
        elif error is not None:
            self._fail("body", error.message, error)
        else:
            self._read(raw, body)
        return b""

    def cut(self, message: str) -> bytes:
        """The body broke off."""
        if not self.done:
            self._fail("cut", message)
        return b""

    def closing(self) -> bytes:
        """Nothing: an answer that is committed is complete."""
        return b""

    def _read(self, raw: bytes, body: JsonObject) -> None:
        try:
            told = self._aside.read(self._upstream.name, body)
        except BadReply as e:
            self._fail("malformed", str(e))
            return
        self.body = raw if told.body is None else dumps(told.body)
        self.usage = told.usage
        self.committed = self.done = True

    def _fail(self, kind: ProblemKind, message: str, error: ApiError | None = None) -> None:
        if error is None:
            by_status = kind == "status"
            error = ApiError(
                message=message or f"the upstream answered with status {self._status}",
                kind=kind_of_status(self._status) if by_status else "unavailable",
                status=self._status if by_status else None,
            )
        self.problem = Problem(kind, error, self._status)
        self.failed = self.done = True
