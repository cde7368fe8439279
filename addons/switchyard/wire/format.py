"""What a wire format has to offer. One module (or package) implements it, one line registers it."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from typing import Protocol

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the client of an answer asked for, as far as writing the answer depends on it."""

    model: str
    """The model's name as the client wrote it; used where the upstream names none."""
    id: str
    """A fresh unique id (hex digits) for an answer whose upstream gives none."""
    created: int
    """Unix seconds, for an answer whose upstream gives none."""
    include_usage: bool = False
    """Chat: whether the stream's client asked for a usage chunk."""
    array: bool = False
    """Gemini: whether the stream shall be one JSON array instead of events."""
    previous: str | None = None
    """Responses: the earlier answer that the client went on from, where the router knew it."""
    conversation: Conversation | None = None
    """The request, for formats whose answers repeat parts of it."""


class StreamReader(Protocol):
    """Reads one upstream stream. Created per stream; not shared.

    Never raises on what an upstream sends: a payload that is no JSON, an unknown event or a
    missing field is passed over, or becomes a `Failure` when the stream makes no sense at all.
    """

    def feed(self, frame: Frame) -> list[Event]:
        """The events one frame amounts to, often none."""
        ...

    def close(self) -> list[Event]:
        """What the end of the bytes adds: ends open parts, and adds `Finish` and `End` where the
        stream said enough for them to be sure (a stop reason without terminal event, or the
        other way round). A stream that was cut off gets neither. Idempotent."""
        ...


class StreamWriter(Protocol):
    """Writes one client stream. Created per stream; not shared."""

    def feed(self, event: Event) -> bytes:
        """The bytes to send for one event, often none. After `End` or `Failure`: always none."""
        ...

    def close(self) -> bytes:
        """The bytes that make the stream well-formed if it is not ended yet. Idempotent."""
        ...


class Mender(Protocol):
    """Repairs a stream that passes through in its own format: bytes stay as they came, except for
    what is wrong with them. Created per stream; not shared."""

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        """The bytes to send for one frame, which the format's reader read as `events`."""
        ...

    def close(self, events: Sequence[Event]) -> bytes:
        """The bytes that are missing at the end; `events` are those of the reader's `close`.
        Only to be called on a stream that came to its end; idempotent."""
        ...

    def fail(self, error: ApiError) -> bytes:
        """The bytes that tell an error after output began, and end the stream."""
        ...


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of a model list."""

    id: str
    owner: str
    created: int = 0
    context_window: int | None = None


class Format(Protocol):
    """One wire format, both directions. Stateless; shared by all requests."""

    name: str
    framing: Literal["sse", "ndjson"]
    content_type: str
    """Content type of a stream."""
    heartbeat: bytes
    """Something a client of this format's streams reads as nothing; empty if there is no such thing
    (comments break gemini-cli)."""
    version: str
    """Version segment of the API's paths (`v1`), for base URLs that leave it out."""
    sdk_adds_version: bool
    """Whether the official SDK adds the version segment to any base URL (Anthropic, Gemini), or
    expects it there (OpenAI)."""

    def path(self, model: str, stream: bool) -> str:
        """Path of the generating call, below the version segment, e.g. `/chat/completions`."""
        ...

    def headers(self) -> Mapping[str, str]:
        """Headers a request of this format needs besides, where the client sent none."""
        ...

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        """Whether a client's request asks for a stream; None if it does not say."""
        ...

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """`body` asking for a stream or not. A shallow copy if it has to change."""
        ...

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """`body` asking for `model`. A shallow copy if it has to change."""
        ...

    def without_sealed(self, body: JsonObject) -> JsonObject:
        """`body` as the format's own provider takes it, where the client had other formats' answers
        in the same conversation: without what was sealed for them (see `envelope`). `body` itself
        if nothing has to change."""
        ...

    def read_request(self, body: JsonObject) -> Conversation:
        """Raises BadRequest on a body that breaks the format's rules."""
        ...

    def write_request(self, conversation: Conversation) -> JsonObject:
        """A request body; `losses.lost` tells what of the conversation it cannot say."""
        ...

    def read_reply(self, body: JsonObject) -> Reply:
        """Raises BadReply on a body that is no answer of this format (an error body, say)."""
        ...

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject: ...

    def stream_reader(self) -> StreamReader: ...

    def stream_writer(self, asked: Asked) -> StreamWriter: ...

    def mender(self, asked: Asked) -> Mender: ...

    def find_error(self, body: JsonObject) -> ApiError | None:
        """The error a JSON body or a stream's payload reports, whatever its status; None if it
        reports none. Understands the bodies of all providers that speak the format."""
        ...

    def write_error(self, error: ApiError) -> tuple[int, JsonObject]:
        """Status and body of an error answer. The same format's own body is kept (`error.raw`)."""
        ...

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject: ...
