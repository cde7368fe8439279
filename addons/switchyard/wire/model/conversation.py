"""The neutral model of a conversation, read from and written to every format.

Values are immutable and share structure with the JSON they were read from, so nothing reachable
from here may ever be changed in place.

Two fields recur. `extra` contains the members of the source's JSON object that the model has no
name for; a writer of the *same* format puts them back, a writer of another format ignores them.
`form` remembers which of several equivalent spellings the source used (a bare string instead of a
list of one text, for example), for the same reason. `Conversation.format` and `Reply.format` name
the format.
"""

from collections.abc import Iterator
from dataclasses import field
from typing import Any
from typing import Literal

from switchyard.values.records import record
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject

type Role = Literal["system", "developer", "user", "assistant"]


@record(kw_only=True)
class Citation:
    """A source for a stretch of text. Only web sources (`url`) exist in every format."""

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    """Index of the first character of the text the citation covers, where the format gives it."""
    end: int | None = None
    format: str
    raw: JsonObject
    """The citation as the format `format` wrote it."""


@record(kw_only=True)
class Text:
    text: str
    citations: tuple[Citation, ...] = ()
    cache: JsonObject | None = None
    """A prompt-cache marker (`cache_control`) as Anthropic writes it; OpenRouter takes the same."""
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Media:
    """An image, document, audio or video: its bytes (`data`), or where they are.

    Exactly one of `data` (base64), `url`, `file_id` and `text` (a plain-text document) is set,
    or none of them where `extra` holds a source only its own format knows.
    """

    kind: Literal["image", "document", "audio", "video"]
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    name: str | None = None
    """File name or title."""
    context: str | None = None
    """Words about a document that go with it (Anthropic `context`)."""
    citations: bool | None = None
    """Whether the model is asked to cite this document."""
    detail: str | None = None
    """Wished resolution of an image: low, high, auto (OpenAI)."""
    transcript: str | None = None
    cache: JsonObject | None = None
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Thinking:
    """Reasoning shown by the model.

    `signature` and `redacted` are opaque proofs that only the format `signer` can read again; a
    writer of another format must not send them upstream. `id` is the reasoning item's id
    (Responses). `summary` is true where the text is a summary of hidden reasoning.
    """

    text: str = ""
    signature: str | None = None
    signer: str | None = None
    redacted: str | None = None
    """Encrypted reasoning without readable text (Anthropic `redacted_thinking`, Responses
    `encrypted_content`)."""
    id: str | None = None
    summary: bool = False
    dialect: str | None = None
    """Of a proof that came in a dialect of Chat: the `format` of its entry of `reasoning_details`,
    `google` for a signature of a message in `extra_content`, or `copilot`. None elsewhere."""
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class ToolCall:
    """A call the client has to run.

    `arguments` is the text as the model wrote it: JSON for a function, free text for a custom tool,
    and possibly broken JSON when the output was cut.
    """

    id: str
    name: str
    arguments: str = ""
    kind: Literal["function", "custom"] = "function"
    namespace: str | None = None
    signature: str | None = None
    """Opaque proof that goes with the call (Gemini `thoughtSignature`), readable by `signer`."""
    signer: str | None = None
    cache: JsonObject | None = None
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Refusal:
    text: str
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Opaque:
    """A part that only its own format can express.

    That is a tool run at the provider and its result, a compaction, or a container upload. It never
    reaches another format's client as a call to run. `text` is a readable rendering for formats
    that have at least text, or None to leave the part out.
    """

    format: str
    kind: str
    raw: JsonObject
    text: str | None = None


@record(kw_only=True)
class ToolResult:
    call_id: str
    parts: tuple["Part", ...] = ()
    is_error: bool | None = None
    name: str | None = None
    kind: Literal["function", "custom"] = "function"
    cache: JsonObject | None = None
    extra: JsonObject = field(default=EMPTY)
    form: str = ""

    @property
    def text(self) -> str:
        """All words of the result, for formats whose results are text alone."""
        return "\n".join(self.texts)

    @property
    def texts(self) -> list[str]:
        """The text of each part that has any, plain-text documents and the like included."""
        return [
            part.text
            for part in self.parts
            if isinstance(part, Text | Media | Opaque) and part.text is not None
        ]


type Part = Text | Media | Thinking | ToolCall | ToolResult | Refusal | Opaque


@record(kw_only=True)
class Turn:
    """One message. Tool results are parts of `user` turns, whatever the format's role."""

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Tool:
    """A tool offered to the model.

    `server` tools run at the provider: only `format` knows them, and `raw` is their declaration.
    `format` declares a function with `raw` by a type of its own, any other format by its
    parameters.
    """

    kind: Literal["function", "custom", "server"] = "function"
    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    """JSON schema of the arguments."""
    strict: bool | None = None
    grammar: JsonObject | None = None
    """Input format of a custom tool, as OpenAI's APIs write it (`{"type": "grammar", ...}`)."""
    namespace: str | None = None
    cache: JsonObject | None = None
    format: str = ""
    raw: JsonObject = field(default=EMPTY)
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class ToolChoice:
    mode: Literal["auto", "none", "required", "tool", "allowed"]
    name: str | None = None
    """The tool to call, for mode `tool`."""
    allowed: tuple[str, ...] = ()
    """The tools to choose among, for mode `allowed`; `required` makes the model call one."""
    required: bool = False
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Output:
    """The shape asked of the answer."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: JsonObject | None = None
    """JSON schema of the answer; of one whose kind is text, the words that it may be."""
    strict: bool | None = None
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Reasoning:
    """How much the model shall think; None where the request leaves it open.

    A level (`effort`), a number of tokens (`budget`), on or off (`enabled`), or as the model sees
    fit (`adaptive`).
    """

    effort: str | None = None
    budget: int | None = None
    enabled: bool | None = None
    adaptive: bool = False
    summary: str | None = None
    """Whether and how thinking is shown (Responses `summary`, Anthropic `display`)."""
    extra: JsonObject = field(default=EMPTY)
    form: str = ""


@record(kw_only=True)
class Conversation:
    """One request to a model. `None` means that the client did not say."""

    format: str
    model: str
    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: JsonObject | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    candidates: int | None = None
    """Number of answers wished (`n`)."""
    output: Output | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    user: str | None = None
    """Opaque id of the end user or session (`user`, `metadata.user_id`)."""
    cache_key: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    metadata: JsonObject | None = None
    modalities: tuple[str, ...] = ()
    audio: JsonObject | None = None
    prediction: JsonObject | None = None
    web_search: JsonObject | None = None
    stream: bool | None = None
    takes_system: bool = False
    """Whether the target's model takes instructions between the turns, where its format has a place
    for them but not all of its models do (Anthropic). Not a member of the client's request."""
    takes_thinking: bool = False
    """Whether the target's model wants the thinking of its history back, whoever thought it. Not a
    member of the client's request."""
    readable: frozenset[str] = frozenset()
    """Proofs in the history that the target is known to have made. Not a member of the client's
    request."""
    include_usage: bool | None = None
    """Whether a stream's client asked for the usage (Chat `stream_options`)."""
    extra: JsonObject = field(default=EMPTY)
    form: str = ""

    def stops_for(self, target: str, most: int) -> tuple[str, ...]:
        """Return the stop sequences that a request in format `target` can express.

        A format has at most `most` of them; a client's own format has all that the client wrote.
        """
        return self.stop if self.format == target else self.stop[:most]

    def parts(self) -> Iterator[Part]:
        """Every part of every turn, those inside tool results included."""
        for turn in self.turns:
            for part in turn.parts:
                yield part
                if isinstance(part, ToolResult):
                    yield from part.parts


@record(kw_only=True)
class Usage:
    """Tokens of one exchange. `None` means that the provider did not say.

    `input` counts the whole prompt, tokens read from and written to a cache included (as OpenAI
    counts; Anthropic's `input_tokens` leaves them out). `output` includes reasoning tokens.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    tool_input: int | None = None
    total: int | None = None
    extra: JsonObject = field(default=EMPTY)

    @property
    def tokens(self) -> int:
        """All tokens, summed where the provider gave no total."""
        return self.total if self.total is not None else (self.input or 0) + (self.output or 0)


type StopReason = Literal[
    "end",
    "length",
    "tool_calls",
    "stop_sequence",
    "content_filter",
    "refusal",
    "pause",
    "compaction",
    "context_window",
    "error",
    "other",
]


@record(kw_only=True)
class Stop:
    """Why the reply ended.

    `raw` is the format's own word, `sequence` the stop sequence that the text met.
    """

    reason: StopReason
    raw: str | None = None
    sequence: str | None = None
    details: Any = None
    """The format's details of a refusal or filter (Anthropic `stop_details`)."""


@record(kw_only=True)
class Choice:
    """One answer. Formats without several answers have exactly one, index 0."""

    index: int = 0
    parts: tuple[Part, ...] = ()
    stop: Stop | None = None
    extra: JsonObject = field(default=EMPTY)
    """Unnamed members of the message and of its choice, as the source's reader lays them out."""


@record(kw_only=True)
class Reply:
    """A whole response: the fold of a stream's events, or the content of a JSON body."""

    format: str
    id: str | None = None
    model: str | None = None
    created: int | None = None
    """Unix seconds."""
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    extra: JsonObject = field(default=EMPTY)

    @property
    def choice(self) -> Choice:
        """The first answer; an empty one where the provider gave none."""
        return self.choices[0] if self.choices else Choice()
