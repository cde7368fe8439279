"""Defines what a wire format provides. One module or package implements it.

Code outside `switchyard.wire.formats` does not compare format names: what depends on the format is
a member of `Format`, mostly with a default.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from typing import Protocol

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.embedding import EmbeddingForm
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event
from switchyard.wire.model.losses import Losses
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.model.model_list import ModelPage
from switchyard.wire.model.model_list import read_models
from switchyard.wire.model.proofs import Keeps
from switchyard.wire.model.proofs import proofs_of
from switchyard.wire.model.services import EndpointKind
from switchyard.wire.model.services import Services

AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key"]
"""How a key is sent: as a bearer token, or in the header of that name."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """What the client asked for, as far as writing the answer depends on it. Nothing changes it."""

    model: str
    """The model's name as the client wrote it; used where the upstream names none."""
    id: str
    """A fresh unique id (hex digits) for an answer whose upstream gives none."""
    created: int
    """Unix seconds, for an answer whose upstream gives none."""
    include_usage: bool = False
    """Chat: whether the stream's client asked for a usage chunk."""
    hides_usage: bool = False
    """Chat: whether the router alone asked for it, so that the client must not see it."""
    array: bool = False
    """Gemini: whether the stream shall be one JSON array instead of events."""
    previous: str | None = None
    """Responses: the earlier answer that the client went on from, where the router knew it."""
    elapsed: Callable[[], float] | None = None
    """Tells the seconds since the request was complete; None where nobody measures."""
    conversation: Conversation | None = None
    """The request, for formats whose answers repeat parts of it."""
    taken: Callable[[str], bool] | None = None
    """Tells whether the request's history has a tool call of an id; None: it has none."""


class StreamReader(Protocol):
    """Reads one upstream stream. One per stream.

    Never raises on an upstream's data: it skips payloads that are no JSON, unknown events and
    missing fields, and reports a stream without any meaning as a `Failure`.
    """

    def feed(self, frame: Frame) -> list[Event]:
        """Returns the events of one frame, often none."""
        ...

    def close(self) -> list[Event]:
        """Returns the events at the end of the bytes. Idempotent.

        Ends open parts, and adds `Finish` and `End` if the stream showed that it was complete (a
        stop reason without a terminal event, or the reverse). A truncated stream gets neither.
        """
        ...


class StreamWriter(Protocol):
    """Writes one client stream. One per stream."""

    def feed(self, event: Event) -> bytes:
        """Returns the bytes for one event, often none; after `End` or `Failure` none."""
        ...

    def close(self) -> bytes:
        """Returns the bytes that complete a stream that is not ended yet. Idempotent."""
        ...


class Mender(Protocol):
    """Repairs a stream that stays in its own format. One per stream.

    Bytes stay as they came, except for what is wrong with them.
    """

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        """Returns the bytes for one frame, which the format's reader read as `events`."""
        ...

    def close(self, events: Sequence[Event]) -> bytes:
        """Returns the bytes missing at the end of a complete stream. Idempotent.

        `events` are those of the reader's `close`.
        """
        ...

    def fail(self, error: ApiError) -> bytes:
        """Returns the bytes that report an error after output and end the stream."""
        ...


class CountForm(Protocol):
    """How a format asks for the number of tokens of a request. Stateless."""

    def path(self, model: str) -> str:
        """Returns the path of the call, below the version segment."""
        ...

    def write(self, body: JsonObject, model: str) -> JsonObject:
        """Returns the client's `body`, asking for `model`."""
        ...

    def read_request(self, body: JsonObject, model: str) -> Conversation:
        """Returns the request to count. Raises BadRequest."""
        ...

    def check(self, body: JsonObject) -> None:
        """Checks that `body` is a count. Raises BadReply."""
        ...

    def write_reply(self, tokens: int) -> JsonObject:
        """Returns the body that reports a number of tokens."""
        ...


@dataclass(frozen=True, slots=True)
class EndpointPath:
    """A path by which clients of a format call."""

    path: str
    """Without the version, and what may stand before it."""
    kind: EndpointKind = "generate"
    method: Literal["POST", "GET"] = "POST"
    """GET stands for HEAD too."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a request's method and path ask for.

    `generate` asks a model, `count` for the number of tokens of a request, `embed` for the
    embeddings of texts, `compact` for a shorter conversation. `service` asks a provider for what
    the router passes through (files, images); `method` is its path, without the version. `models`
    asks for the model list, `model` and Ollama's `show` for one entry, `version` for Ollama's
    version, `loaded` for the models it holds in memory, `health` for the router's health, `status`
    for that of its providers. `greeting` probes for a server (Claude Code: `HEAD /api/hello`).
    """

    kind: EndpointKind
    format: "Format"
    model: str | None = None
    """The model, where the path names it."""
    stream: bool | None = None
    """Whether a stream is wanted, where the path says so."""
    array: bool = False
    """Whether the stream shall be one JSON array instead of events (Gemini without `alt=sse`)."""
    method: str = ""
    """Which of several calls of the kind it is, in the format's own word."""
    provider: str = ""
    """The one that the path of a service names."""


type Glance = tuple[Usage | None]
"""The usage of a proper answer that says something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """What a request asks of compaction, and what earlier ones left in its history."""

    now: bool = False
    """Whether it asks for a compaction in place of a reply."""
    threshold: int | None = None
    """Tokens of the prompt from which on its provider compacts by itself."""
    pauses: bool = False
    """Whether the provider gives no reply in the response in which it compacts by itself."""
    instructions: str | None = None
    """What to ask the model in place of the usual question for a summary."""
    held: bool = False
    """Whether the history has a summary."""
    ours: bool = False
    """Whether the router made one of those, which no provider can read as it is."""
    closed: str = ""
    """The last summary where the provider alone can open it that made it, as it is encrypted."""


def _itself(body: JsonObject) -> JsonObject:
    return body


def _as_it_is(body: JsonObject, keeps: Keeps) -> JsonObject:
    return body


def _no_glance(body: JsonObject) -> None:
    """Nothing."""


def _no_compaction(body: JsonObject) -> Compaction | None:
    """Nothing."""


class Format:
    """One wire format, both directions. Stateless; shared by all requests.

    Abstract: a format sets every member without a value here: functions as
    `staticmethod(function)`, classes of readers and writers as they are, or methods of its own.
    """

    name: str
    title: str
    """The format's name for people, as in "Gemini's format"."""
    framing: Literal["sse", "ndjson"] = "sse"
    content_type = "text/event-stream"
    """Content type of a stream."""
    array_streams = False
    """Whether providers may frame a stream as one JSON array instead."""
    heartbeat = b""
    """What clients' streams read as nothing (comments break gemini-cli); empty if nothing is."""
    tagged_thinking = False
    """Whether servers leave thinking in the text; all other formats have blocks for it."""
    document_types: frozenset[str] = frozenset()
    """Types of the documents that a provider takes as files; `*` for any. Empty: it takes none."""
    losses = Losses()
    """What the format cannot say."""

    version = "v1"
    """Version segment of the API's paths, for base URLs that leave it out."""
    sdk_adds_version = False
    """Whether the official SDK adds the version segment to any base URL (Anthropic, Gemini), or
    expects it there (OpenAI)."""
    platform = ""
    """The cloud whose own format it is, in the words of a provider's `platform`; no other server
    speaks it. Empty for all others."""
    auth: AuthStyle = "bearer"
    """How providers of the format want their key, unless their configuration says otherwise."""
    call_path = ""
    """Path of the generating call, below the version segment, where it is always the same."""
    model_in_path = False
    """Whether clients name the model in the path, which `read_endpoint` then reads."""
    name_is_model = False
    """Whether `name` is an older word for a request's `model`."""
    slash_in_model = True
    """Whether a model's name may hold a slash where nobody listed the model."""

    endpoints: tuple[EndpointPath, ...] = ()
    """The paths that clients call at any provider's address and at ours."""
    own_endpoints: tuple[EndpointPath, ...] = ()
    """Those that are served at our own address alone."""
    websocket = False
    """Whether clients may call over a WebSocket, with the Responses API's messages."""
    stored_responses = False
    """Whether requests go on from earlier answers by naming them."""
    gives_sound: bool | Literal["asked"] = True
    """Whether answers can be spoken, or those to requests that ask for it; else they are text."""
    overflow_in_stream = False
    """Whether streaming clients hear of too long prompts in a stream alone (Codex takes no 400)."""
    client_headers: tuple[str, ...] = ()
    """Patterns of the headers (lower case) that clients send with this format alone, and that any
    provider of it may see."""
    request_marks: tuple[tuple[bytes, ...], ...] = ()
    """Words by which a request of unknown path is known: all of one group stand in it."""
    reply_marks: tuple[bytes, ...] = ()
    """Words near the beginning of an answer, any of which only this format has."""

    services: Services | None = None
    """What else its providers serve; None if nothing is known."""
    embeddings: EmbeddingForm | None = None
    """How embeddings are asked for; None where the format has none."""
    counting: CountForm | None = None
    """How the tokens of a request are asked for; None where the format has no such call."""

    read_request: Callable[[JsonObject], Conversation]
    """Raises BadRequest on a body that breaks the format's rules."""
    write_request: Callable[[Conversation], JsonObject]
    """A request body; `losses.lost` tells what of the conversation it cannot say."""
    read_reply: Callable[[JsonObject], Reply]
    """Raises BadReply on a body that is no answer of this format (an error body, say)."""
    write_reply: Callable[[Reply, Asked], JsonObject]
    """The whole answer that clients get."""
    stream_reader: Callable[[], StreamReader]
    stream_writer: Callable[[Asked], StreamWriter]
    mender: Callable[[Asked], Mender]
    find_error: Callable[[JsonObject], ApiError | None]
    """The error a JSON body or a stream's payload reports, whatever its status; None if it reports
    none. Understands the bodies of all providers that speak the format."""
    write_error: Callable[[ApiError], tuple[int, JsonObject]]
    """Status and body of an error answer. The same format's own body is kept (`error.raw`)."""
    write_models: Callable[[Sequence[ModelEntry]], JsonObject]
    """The model list that clients get."""

    normalise: Callable[[JsonObject], JsonObject] = staticmethod(_itself)
    """A client's request in this format's own words, where clients mix it with another's; the body
    itself if it is. Raises BadRequest."""
    mend_reply: Callable[[JsonObject], JsonObject] = staticmethod(_itself)
    """A whole answer as the format's clients can read it; the body itself if they can."""
    portable: Callable[[JsonObject], JsonObject] = staticmethod(_itself)
    """Returns a request without what is addressed to the format's maker alone.

    The request itself where it has nothing of that.
    """
    without_sealed: Callable[[JsonObject], JsonObject] = staticmethod(_itself)
    """A request as the format's own provider takes it, where the client had other formats' answers
    in the same conversation: without what was sealed for them (see `envelope`). The body itself if
    nothing has to change."""
    find_compaction: Callable[[JsonObject], Compaction | None] = staticmethod(_no_compaction)
    """What a request has to do with compaction; None if nothing. Raises BadRequest."""
    write_summary: Callable[[str, str], Opaque] | None = None
    """The part that clients receive for a conversation's summary, given a fresh id; None where the
    format has none."""
    with_proofs: Callable[[JsonObject, Keeps], JsonObject] = staticmethod(_as_it_is)
    """A request with those proofs of its history alone that are to be kept (see `model.proofs`).
    The body itself if nothing has to change."""
    proof_marks: tuple[bytes, ...] = ()
    """One of them stands in each request and reply that has a proof, as JSON."""
    proofs_of: Callable[[Part], Iterator[str]] = staticmethod(proofs_of)
    """The proofs in a part of a reply: what only the provider that made it takes back."""
    glance: Callable[[JsonObject], Glance | None] = staticmethod(_no_glance)
    """A glance at an answer that reports no error; None if it takes more than that to tell whether
    it is a proper one, and not an empty one."""

    def __init_subclass__(cls) -> None:
        """Raises TypeError if a format lacks a member without default."""
        if missing := [name for name in Format.__annotations__ if not hasattr(cls, name)]:
            raise TypeError(f"the format {cls.__name__} has no {', '.join(missing)}")

    @property
    def provider_format(self) -> str:
        """The name of the format in which providers answer this format's requests."""
        return self.name

    def path(self, model: str, stream: bool) -> str:
        """Returns the path of the generating call, e.g. `/chat/completions`.

        The path starts below the version segment.
        """
        return self.call_path

    def headers(self) -> Mapping[str, str]:
        """Returns headers that a request of this format needs and the client did not send."""
        return EMPTY

    def read_endpoint(self, path: str, query: str) -> Endpoint | None:
        """Returns the call that a POST to `path` (percent-decoded) is, or None.

        Used by formats whose paths say more than `endpoints` can.
        """
        return None

    def is_client(self, headers: Mapping[str, str], path: str) -> bool:
        """Whether headers or path show a client of this format.

        Asked where several formats share the path (`/v1/models`). `headers` ignores case.
        """
        return False

    def unwrap(self, body: JsonObject) -> JsonObject:
        """Returns the request within the envelope `body`; `body` itself without one."""
        return body

    def model_of(self, body: JsonObject) -> object:
        """Returns the value in the place of a client's request that names its model."""
        return body.get("model")

    def local_response(self, body: JsonObject, created: int) -> JsonObject | None:
        """Returns the answer of `created` (Unix seconds) to a request that no model need see."""
        return None

    def kept_prompt(self, body: JsonObject) -> str | None:
        """Returns the member that names a part of the prompt kept by its provider.

        A provider of another format cannot read such a request. None if there is no such member.
        """
        return None

    def extra_members(self, conversation: Conversation) -> JsonObject:
        """Returns the members of a request that the neutral model has no name for."""
        return conversation.extra.get(self.name, EMPTY)

    def lone_features(self, left: JsonObject) -> Iterator[str]:
        """Returns the features in the extra members `left` that only this format has.

        The names are those in `losses`.
        """
        return (name for name in self.losses.lone_members if left.get(name))

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        """Whether a client's request asks for a stream; None if it does not say."""
        stream = body.get("stream")
        return stream if isinstance(stream, bool) else None

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """Returns `body` with the stream flag set; a shallow copy if it changes."""
        return body if body.get("stream") is stream else {**body, "stream": stream}

    def with_usage(self, body: JsonObject) -> JsonObject:
        """Returns the body of a stream so that its answer reports token counts."""
        return body

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """Returns `body` with the model set; a shallow copy if it changes."""
        return body if body.get("model") == model else {**body, "model": model}

    def completed(self, body: JsonObject, asked: Asked) -> JsonObject:
        """Returns a whole response with what the format's clients count on; itself if it has it."""
        return body

    def takes_prefill(self, model: str, thinks: bool) -> bool:
        """Whether a model continues an assistant turn at the end, where the request `thinks`."""
        return False

    def is_instructed(self, output: Output, model: str) -> bool:
        """Whether an instruction in the prompt asks for the shape of the answer."""
        return bool(self.losses.instructed)

    def unsaid_stops(self, stop: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the stop sequences that a request omits; the router applies them itself."""
        return () if self.losses.most_stops is None else stop[self.losses.most_stops :]

    def models_path(self, after: str = "") -> str:
        """Returns path and query of the model list, below the version segment.

        `after` is the `next` of the previous page.
        """
        return "/models"

    def read_models(self, body: object) -> ModelPage:
        """Returns the models that a provider lists, without senseless entries.

        Raises ValueError if `body` is no list of models.
        """
        return read_models(body)
