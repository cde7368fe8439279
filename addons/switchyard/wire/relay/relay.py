"""Turns one upstream response into the client's response.

    bytes -> decompress -> error | JSON | stream -> events -> client's stream | client's JSON

The status and the first bytes decide how a response is read (`ErrorReader`, `DocumentReader`,
`EventStreamReader`), not its declared content type. A stream in the client's own format keeps its
bytes and is only mended; any other is read into events and written anew. A stream for a client that
wants JSON is folded, JSON for a client that wants a stream is unfolded.

No byte goes out before the response is *committed*, which it is by its first output (see
`events.is_output`); until then any fault makes it `failed`, and another upstream may be asked.
"""

from collections.abc import Callable
from collections.abc import Sequence
from functools import partial

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.errors import ApiError
from switchyard.wire.relay.bounds import USUAL
from switchyard.wire.relay.bounds import Bounds
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.conversion import Conversion
from switchyard.wire.relay.document_reader import DocumentReader
from switchyard.wire.relay.framing import frame_decoder
from switchyard.wire.relay.framing import is_document
from switchyard.wire.relay.notes import Notes
from switchyard.wire.relay.reply import convert_reply
from switchyard.wire.relay.response_relay import ResponseRelay
from switchyard.wire.relay.sinks import Writing
from switchyard.wire.relay.stage import Stage
from switchyard.wire.relay.stream_reader import EventStreamReader

_BOM = b"\xef\xbb\xbf"


class Relay(ResponseRelay):
    """Reads one response to a conversation and writes it in the client's format.

    `body` is the complete response for a client that wants JSON; a client that wants a stream gets
    the bytes that the methods return.
    """

    def __init__(
        self,
        upstream: Format,
        client: Format,
        streams: bool,
        asked: Asked,
        continuation: Continuation | None = None,
        before: "Relay | None" = None,
        bounds: Bounds = USUAL,
        stages: Sequence[Stage] = (),
        redact: Callable[[ApiError], ApiError] | None = None,
        notes: Notes | None = None,
        rejects_refusals: bool = False,
    ) -> None:
        """Prepares one attempt's relay; `streams` says whether the client wants a stream.

        With a `continuation`, another relay can continue a stream that breaks after output: it is
        given the same continuation and this relay as `before`. A response beyond `bounds` fails.
        Events pass through `stages`, given only where they have work to do: without stages a stream
        keeps its bytes. `redact` removes secrets from an error before the client sees it. With
        `rejects_refusals` an answer that refuses fails, as long as the client saw nothing of it.
        """
        super().__init__(upstream)
        self.streams = streams
        self.stages = stages
        self.redact = redact or _unchanged
        self.notes = notes or Notes(upstream.proofs_of)
        self._rejects_refusals = rejects_refusals
        self._client = client
        self._asked = asked
        self._continuation = continuation
        self._before = before
        self._bounds = bounds
        self._head = bytearray()
        self._conversion: Conversion | None = None
        self._stream: EventStreamReader | None = None

    def skim(self, data: bytes) -> bytes | None:
        stream = self._stream
        return stream.skim(data) if stream is not None and self._decode is None else None

    @property
    def answered(self) -> bool:
        if super().answered:
            return True
        # Another format's writer has its terminal event at the end.
        stream, outcome = self._stream, self.outcome
        mends = self.streams and self.upstream.name == self._client.name
        if stream is None or not mends or not outcome.committed or outcome.failed:
            return False
        return stream.stopped

    @property
    def words(self) -> int:
        """About how many bytes of text and arguments a stream brought so far."""
        return self._stream.words if self._stream is not None else 0

    @property
    def limits(self) -> JsonObject | None:
        """The event by which a stream reported windows of a quota; None for none."""
        return self._stream.limits if self._stream is not None else None

    @property
    def resumable(self) -> bool:
        return self._conversion is not None and self._conversion.resumable(self.outcome)

    @property
    def response(self) -> JsonObject | None:
        """Returns the streamed response as one body if its writer composes it.

        The body is complete once `done` is set.
        """
        sink = self.outcome.sink
        return sink.response if isinstance(sink, Writing) else None

    def closing(self) -> bytes:
        assert self._conversion
        return self._conversion.closing(self.outcome)

    def _begin(self, data: bytes) -> bytes:
        raw = self._head
        raw += data
        if _BOM.startswith(raw):  # it is not known yet whether it is one
            return b""
        while not (head := _start_of(raw)):
            # Blank lines that keep a connection alive, for minutes (DeepSeek's reference, "Rate
            # Limit").
            raw[:] = raw.removeprefix(_BOM).lstrip()
            if not raw:
                return b""
        self._head = bytearray()
        if is_document(self.upstream, head, self._content_type):
            self._reader = self._document_reader()
        else:
            self._reader = self._open_stream(head)
        return self._reader.feed(bytes(raw))

    def _document_reader(self) -> DocumentReader:
        return DocumentReader(
            self.outcome,
            self.upstream,
            self._bounds.body,
            partial(convert_reply, self._prepare(), self.outcome),
            self._read_lines if self.upstream.framing == "ndjson" else None,
        )

    def _open_stream(self, head: bytes) -> EventStreamReader:
        frames = frame_decoder(self.upstream, head)
        self._stream = EventStreamReader(self.outcome, self._prepare(), frames)
        return self._stream

    def _read_lines(self, raw: bytes) -> bytes:
        """Reads lines of JSON that the upstream declared as one document."""
        stream = self._open_stream(_start_of(raw))
        out = stream.feed(raw)
        return out if self.outcome.failed else out + stream.end()

    def _prepare(self) -> Conversion:
        before = self._before
        self._conversion = Conversion(
            upstream=self.upstream,
            client=self._client,
            streams=self.streams,
            asked=self._asked,
            continuation=self._continuation,
            continues=before.outcome.sink if before is not None else None,
            bounds=self._bounds,
            stages=self.stages,
            redact=self.redact,
            notes=self.notes,
            rejects_refusals=self._rejects_refusals,
        )
        return self._conversion


def _start_of(raw: bytes | bytearray) -> bytes:
    return bytes(raw[:512]).removeprefix(_BOM).lstrip()


def _unchanged(error: ApiError) -> ApiError:
    return error
