"""The neutral model of a stream: the events that readers yield and writers take.

The grammar of a well-formed stream, per choice:

    Start (PartStart Delta* PartEnd)* Stop Usage? End

Readers keep to it whatever the upstream does, except that parts may overlap (parallel tool calls
whose arguments are interleaved), `Usage` may come anywhere and more than once (later fields
win), and a broken upstream ends without `Stop` or `End`. `fold.fold` turns events into a `Reply`,
`fold.unfold` a `Reply` into events; `sequence.Sequencer` puts overlapping parts one after
another for formats that have one open block at a time.
"""

from dataclasses import field

from switchyard.values.records import record
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError


@record()
class Start:
    """The handshake (`message_start`, `response.created`, a role delta); no output."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    extra: JsonObject = field(default=EMPTY)
    """Unnamed top-level members, merged into the reply's `extra`."""
    format: str = ""
    """Format of the stream's source, whose `extra` members its own writer puts back."""


@record()
class PartStart:
    """Part `index` of a choice begins as `part`, whose content is the part's first.

    Indexes are the reader's own, unique within a choice and rising in the order of the parts.
    """

    index: int
    part: Part
    choice: int = 0


@record()
class TextDelta:
    """More words of a text, a thinking or a refusal part."""

    index: int
    text: str
    choice: int = 0


@record()
class ArgumentsDelta:
    """More of a tool call's arguments, as the text the model writes."""

    index: int
    text: str
    choice: int = 0


@record()
class SignatureDelta:
    """A piece of the signature of a thinking part or tool call; pieces are appended."""

    index: int
    signature: str
    signer: str
    choice: int = 0


@record()
class CitationDelta:
    index: int
    citation: Citation
    choice: int = 0


@record()
class MediaDelta:
    """More base64 `data` or `transcript` of a media part (audio)."""

    index: int
    data: str = ""
    transcript: str = ""
    choice: int = 0


@record()
class PartEnd:
    """A part is complete.

    `part`, where given, is its final form: it replaces what the deltas added up to (for parts that
    only the end determines).
    """

    index: int
    part: Part | None = None
    choice: int = 0


@record()
class Extra:
    """Members of a choice that the model has no name for (logprobs, annotations).

    `fold.merge` merges them into the choice's `extra`; only the same format writes them back.
    """

    fields: JsonObject
    choice: int = 0


@record()
class UsageUpdate:
    """Tokens as known so far; fields set here replace those of earlier updates."""

    usage: Usage


@record()
class Finish:
    """A choice ended, for this reason."""

    stop: Stop
    choice: int = 0
    extra: JsonObject = field(default=EMPTY)


@record()
class Failure:
    """The upstream reported an error inside the stream. Nothing but `End` follows."""

    error: ApiError


@record()
class End:
    """The format's terminal event (`[DONE]`, `message_stop`, `response.completed`)."""

    extra: JsonObject = field(default=EMPTY)


type Event = (
    Start
    | PartStart
    | TextDelta
    | ArgumentsDelta
    | SignatureDelta
    | CitationDelta
    | MediaDelta
    | PartEnd
    | Extra
    | UsageUpdate
    | Finish
    | Failure
    | End
)


def is_output(event: Event) -> bool:
    """Whether a client that saw this event saw something of the answer itself.

    An empty text part is a handshake (Anthropic opens one before the first word), so it is none,
    and so is the mere mention of hidden reasoning (a Responses item with nothing but its id);
    an announced tool call, a redacted thinking block or a media part is.
    """
    match event:
        case PartStart(part=Thinking() as part):
            return bool(part.text or part.redacted or part.signature)
        case PartStart(part=Text() | Refusal() as part):
            return bool(part.text)
        case PartStart(part=Opaque(kind="reasoning")):
            return False
        case PartStart() | CitationDelta():
            return True
        case TextDelta() | ArgumentsDelta():
            return bool(event.text)
        case MediaDelta():
            return bool(event.data or event.transcript)
        case SignatureDelta():
            return bool(event.signature)
    return False
