"""What a wire format has to offer. One module (or package) implements it, one line registers it.

Nothing outside of `switchyard.wire.formats` asks for a format's name to know how to treat it: what
depends on the format is a member of `Format`, mostly with a default.
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

AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key"]
"""How a key is sent: as a bearer token, or in the header of that name."""

type EndpointKind = Literal[
    "generate",
    "count",
    "embed",
    "compact",
    "models",
    "model",
    "show",
    "version",
    "loaded",
    "health",
    "status",
    "greeting",
]


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


class CountForm(Protocol):
    """How a format asks for the number of tokens of a request. Stateless."""

    def path(self, model: str) -> str:
        """Path of the call, below the version segment."""
        ...

    def write(self, body: JsonObject, model: str) -> JsonObject:
        """The client's `body`, asking for `model`."""
        ...

    def read_request(self, body: JsonObject, model: str) -> Conversation:
        """What is to be counted. Raises BadRequest."""
        ...

    def check(self, body: JsonObject) -> None:
        """Raises BadReply if `body` is no count."""
        ...

    def write_reply(self, tokens: int) -> JsonObject:
        """The body that tells so many tokens."""
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

    `generate` asks a model, `count` how many tokens a request has for it, `embed` for the
    embeddings of texts, `compact` for a shorter conversation; `models` asks for the list, `model`
    and Ollama's `show` for one of it, `version` for Ollama's, `loaded` for the models it holds in
    memory, `health` whether we live, `status` how the providers are; `greeting` is a probe that
    only wants to see that somebody is there (Claude Code sends `HEAD /api/hello`).
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


type Glance = tuple[Usage | None]
"""The usage of a proper answer that says something."""


def _itself(body: JsonObject) -> JsonObject:
    return body


def _as_it_is(body: JsonObject, keeps: Keeps) -> JsonObject:
    return body


def _no_glance(body: JsonObject) -> None:
    """Nothing."""


class Format:
    """One wire format, both directions. Stateless; shared by all requests.

    Abstract: a format gives all that has no value here, functions as `staticmethod(function)`,
    classes of readers and writers as they are, or methods of its own.
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
    """Something a client of this format's streams reads as nothing; empty if there is no such thing
    (comments break gemini-cli)."""
    tagged_thinking = False
    """Whether servers leave thinking in the text; all other formats have blocks for it."""
    losses = Losses()
    """What the format cannot say."""

    version = "v1"
    """Version segment of the API's paths, for base URLs that leave it out."""
    sdk_adds_version = False
    """Whether the official SDK adds the version segment to any base URL (Anthropic, Gemini), or
    expects it there (OpenAI)."""
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
    client_headers: tuple[str, ...] = ()
    """Patterns of the headers (lower case) that clients send with this format alone, and that any
    provider of it may see."""
    request_marks: tuple[tuple[bytes, ...], ...] = ()
    """Words by which a request of unknown path is known: all of one group stand in it."""
    reply_marks: tuple[bytes, ...] = ()
    """Words near the beginning of an answer, any of which only this format has."""

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
    without_sealed: Callable[[JsonObject], JsonObject] = staticmethod(_itself)
    """A request as the format's own provider takes it, where the client had other formats' answers
    in the same conversation: without what was sealed for them (see `envelope`). The body itself if
    nothing has to change."""
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
        """Raises TypeError where a format lacks what has no default."""
        if missing := [name for name in Format.__annotations__ if not hasattr(cls, name)]:
            raise TypeError(f"the format {cls.__name__} has no {', '.join(missing)}")

    @property
    def provider_format(self) -> str:
        """The name of the format in which a provider is asked what clients of this one ask."""
        return self.name

    def path(self, model: str, stream: bool) -> str:
        """Path of the generating call, below the version segment, e.g. `/chat/completions`."""
        return self.call_path

    def headers(self) -> Mapping[str, str]:
        """Headers a request of this format needs besides, where the client sent none."""
        return EMPTY

    def read_endpoint(self, path: str, query: str) -> Endpoint | None:
        """The call that a POST to `path` (its encoding undone) is, where the path says more than
        `endpoints` can; None if it is none."""
        return None

    def is_client(self, headers: Mapping[str, str], path: str) -> bool:
        """Whether a request's headers (a mapping that ignores case) or its path show a client of
        this format, where several formats have the path (`/v1/models`)."""
        return False

    def unwrap(self, body: JsonObject) -> JsonObject:
        """The request in the envelope `body`; itself, if the format has no envelope."""
        return body

    def model_of(self, body: JsonObject) -> object:
        """What stands where a client's request names its model."""
        return body.get("model")

    def local_response(self, body: JsonObject, created: int) -> JsonObject | None:
        """The answer to a request that no model has to see; None for all others. `created` is in
        Unix seconds."""
        return None

    def kept_prompt(self, body: JsonObject) -> str | None:
        """The member by which a request names a part of its prompt that its provider keeps, so that
        no other format's can read it; None if there is none."""
        return None

    def extra_members(self, conversation: Conversation) -> JsonObject:
        """The members of a request of this format that the neutral model has no name for."""
        return conversation.extra.get(self.name, EMPTY)

    def lone_features(self, left: JsonObject) -> Iterator[str]:
        """What a request with the extra members `left` asks for that only this format can say, by
        the names in `losses`."""
        return (name for name in self.losses.lone_members if left.get(name))

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        """Whether a client's request asks for a stream; None if it does not say."""
        stream = body.get("stream")
        return stream if isinstance(stream, bool) else None

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """`body` asking for a stream or not. A shallow copy if it has to change."""
        return body if body.get("stream") is stream else {**body, "stream": stream}

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """`body` asking for `model`. A shallow copy if it has to change."""
        return body if body.get("model") == model else {**body, "model": model}

    def takes_prefill(self, model: str, thinks: bool) -> bool:
        """Whether a model goes on with an assistant turn at the end of the conversation; `thinks`
        says whether it is asked to think."""
        return False

    def is_instructed(self, output: Output, model: str) -> bool:
        """Whether the shape of an answer that is not plain text is asked for in words."""
        return bool(self.losses.instructed)

    def unsaid_stops(self, stop: tuple[str, ...]) -> tuple[str, ...]:
        """The stop sequences that a request leaves out; the router ends the answer there itself."""
        return () if self.losses.most_stops is None else stop[self.losses.most_stops :]

    def models_path(self, after: str = "") -> str:
        """Path and query of the model list, below the version segment; of the part behind `after`,
        the `next` of the part before."""
        return "/models"

    def read_models(self, body: object) -> ModelPage:
        """The models that a provider lists. Raises ValueError if `body` is no list of models;
        entries that make no sense are passed over."""
        return read_models(body)
