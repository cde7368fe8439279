"""Calls to a model that are no conversation: counting tokens, embeddings.

Such a call is one JSON body each way, never a stream. It takes the way of every other request
(names, keys, failover), with an `Operation` in the place of the conversation and an
`OperationRelay` in that of the `Relay`.
"""

from dataclasses import dataclass
from typing import Protocol

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Usage
from switchyard.wire.relay.bounds import USUAL
from switchyard.wire.relay.bounds import Bounds
from switchyard.wire.relay.document_reader import DocumentReader
from switchyard.wire.relay.response_relay import ResponseReader
from switchyard.wire.relay.response_relay import ResponseRelay


@dataclass(frozen=True, slots=True)
class OperationReply:
    """An upstream's response to an operation: the client's body, and its usage.

    None where the upstream's own bytes will do.
    """

    body: JsonObject | None
    usage: Usage | None = None


class Operation(Protocol):
    """One client's call. Formats are named as in the registry."""

    service: str
    """What is asked for, in one word."""
    formats: frozenset[str]
    """The formats of providers that can be asked."""
    needs_provider: bool
    """Whether the router cannot serve the call by itself."""

    def path(self, format: str, model: str) -> str:
        """Path of the call at a provider of `format`, below the version segment."""
        ...

    def write(self, format: str, model: str) -> JsonObject:
        """Return the body of the call. Raises BadRequest.

        The client's own object where nothing has to change but the model.
        """
        ...

    def lost(self, format: str) -> list[str]:
        """What of the client's request cannot be written in `format`; see `losses.lost`."""
        ...

    def read(self, format: str, body: JsonObject) -> OperationReply:
        """What the answer of a provider of `format` means. Raises BadReply if it is none."""
        ...

    def estimate(self, model: str) -> JsonObject | None:
        """Return the client's body where no provider can be asked. Raises BadRequest.

        Takes the first provider's name of the model; None if the router cannot serve the call by
        itself.
        """
        ...


class OperationRelay(ResponseRelay):
    """Reads one response to an operation: always a document, whose end is the commit."""

    def __init__(self, operation: Operation, upstream: Format, bounds: Bounds = USUAL) -> None:
        super().__init__(upstream)
        self._operation = operation
        self._most = bounds.body

    def _begin(self, data: bytes) -> bytes:
        self._reader = self._document_reader()
        return self._reader.feed(data)

    def _document_reader(self) -> ResponseReader:
        return DocumentReader(self.outcome, self.upstream, self._most, self._read)

    def _read(self, raw: bytes, body: JsonObject) -> bytes:
        reply = self._operation.read(self.upstream.name, body)
        outcome = self.outcome
        outcome.body = raw if reply.body is None else dumps(reply.body)
        outcome.usage = reply.usage
        outcome.committed = outcome.done = True
        return b""
