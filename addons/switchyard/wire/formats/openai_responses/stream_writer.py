"""Writes answers, streamed or whole (API reference, "Streaming events").

One composer makes both: a whole answer is the last response of its stream. The order of events
matters to clients: some read items only from `output_item.done`, others only from
`output_item.added` and the deltas, and the official SDK checks that both agree.
"""

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_responses.client_tools import call_id
from switchyard.wire.formats.openai_responses.client_tools import is_client_run
from switchyard.wire.formats.openai_responses.content import is_content
from switchyard.wire.formats.openai_responses.errors import failure
from switchyard.wire.formats.openai_responses.item_builders import Builder
from switchyard.wire.formats.openai_responses.item_builders import CallBuilder
from switchyard.wire.formats.openai_responses.item_builders import ClientCallBuilder
from switchyard.wire.formats.openai_responses.item_builders import Events
from switchyard.wire.formats.openai_responses.item_builders import MessageBuilder
from switchyard.wire.formats.openai_responses.item_builders import ReasoningBuilder
from switchyard.wire.formats.openai_responses.item_builders import WholeBuilder
from switchyard.wire.formats.openai_responses.item_builders import proof_item
from switchyard.wire.formats.openai_responses.items import begins_message
from switchyard.wire.formats.openai_responses.items import write_image
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.reply import INCOMPLETE
from switchyard.wire.formats.openai_responses.reply import finish
from switchyard.wire.formats.openai_responses.reply import skeleton
from switchyard.wire.formats.openai_responses.usage import write_usage
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import merge_usage
from switchyard.wire.model.fold import unfold
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.model.logprobs import with_bytes
from switchyard.wire.model.sequence import Sequencer
from switchyard.wire.shared.response_ids import answer_id
from switchyard.wire.shared.tool_names import Names

_NAMED = ("id", "object", "created_at", "status", "model", "output")

_CUT = ApiError(message="the stream ended before the response was complete", kind="unavailable")


class ResponsesStreamWriter:
    """Writes one stream; see `format.StreamWriter`."""

    def __init__(self, asked: Asked) -> None:
        self._composer = Composer(asked)

    def feed(self, event: Event) -> bytes:
        return _encode(self._composer.feed(event))

    def close(self) -> bytes:
        return _encode(self._composer.close())

    @property
    def response(self) -> JsonObject:
        """Returns the response so far; complete with all its items after the end."""
        return self._composer.response


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response body for a whole reply."""
    composer = Composer(asked)
    for event in unfold(reply):
        composer.feed(event)
    return composer.response


class Composer:
    """Composes the response from events, and reports each step as an event of the API."""

    def __init__(self, asked: Asked) -> None:
        self.response: JsonObject = {}
        self._asked = asked
        self._names = Names(asked.conversation.tools if asked.conversation else ())
        self._sequencer = Sequencer()
        self._number = 0
        self._open: Builder | None = None
        self._part: Part | None = None
        """The open part. While it is empty, its item has not started either."""
        self._items: list[JsonObject] = []
        self._data: list[str] = []
        self._logprobs: list[JsonObject] = []
        """Log probabilities of the next text."""
        self._proved = False
        """Whether the proof of the open call was sent before it."""
        self._usage: Usage | None = None
        self._stop: Stop | None = None
        self._over = False

    def feed(self, event: Event) -> Events:
        """Returns the API's events for one event of the model."""
        if self._over:
            return []
        if isinstance(event, Start):
            return self._begin(event)
        if isinstance(event, UsageUpdate):
            self._usage = merge_usage(self._usage, event.usage)
            return []
        told: Events = []
        for ordered in self._sequencer.feed(event):
            told += self._take(ordered)
        return told

    def close(self) -> Events:
        """Returns the missing end of the stream.

        It is the normal end if the answer stated a stop reason, else a failure.
        """
        if self._over:
            return []
        return self.feed(End() if self._stop is not None else Failure(_CUT))

    def _begin(self, event: Start) -> Events:
        if self.response:
            return []
        id = answer_id(event.id, "resp_", self._asked, event.format == NAME)
        self.response = skeleton(self._asked, id, event.model, event.created)
        self._restore(event.extra)
        start = dict(self.response)
        return self._number_all(
            [
                {"type": "response.created", "response": start},
                {"type": "response.in_progress", "response": start},
            ]
        )

    def _restore(self, extra: JsonObject) -> None:
        """Restores the members of a response that was read from this format."""
        if said := own(extra):
            named = {k: self.response[k] for k in _NAMED}
            created = said.get("created_at") or named["created_at"]
            self.response = said | named | {"created_at": created}

    def _take(self, event: Event) -> Events:
        told: Events = [] if self.response else self._begin(Start())
        match event:
            case PartStart(part=part):
                told += self._number_all(self._start_part(part))
            case TextDelta() | ArgumentsDelta():
                told += self._number_all(self._add(event.text))
            case SignatureDelta():
                told += self._number_all(self._sign(event))
            case CitationDelta(citation=citation):
                told += self._number_all(self._ensure())
                if isinstance(self._open, MessageBuilder):
                    told += self._number_all(self._open.cite(citation))
            case Extra(fields=fields):
                self._logprobs += tokens_in(fields)
            case MediaDelta():
                self._data.append(event.data)
                if isinstance(self._part, Media) and event.transcript:
                    words = (self._part.transcript or "") + event.transcript
                    self._part = altered(self._part, transcript=words)
            case PartEnd(part=part):
                told += self._number_all(self._end_part(part))
            case Finish(stop=stop):
                self._stop = stop
                told += self._number_all(self._close_item())
            case Failure(error=error):
                told += self._fail(error)
            case End():
                self._restore(event.extra)
                told += self._number_all(self._close_item())
                told += self._finish()
        return told

    def _start_part(self, part: Part) -> Events:
        """Starts a part.

        Its item starts only once the part has content, since clients show an empty text as an empty
        message.
        """
        self._part = part
        self._data = []
        match part:
            case Text() | Refusal():
                return self._ensure() if part.text or begins_message(part) else []
            case Thinking():
                known = part.text or part.signature or part.redacted or own(part.extra)
                return self._ensure() if known else []
            case ToolCall():
                return self._open_call(part)
            case Opaque(format="openai-responses"):
                if is_content(part) and isinstance(self._open, MessageBuilder):
                    return self._open.keep(part)
                return self._whole(part.raw)
            case Opaque(text=str(words)) if words:
                self._part = Text(text=words)
                return self._ensure()
        return []

    def _ensure(self) -> Events:
        """Starts the item of the open text or thinking unless it has started."""
        part = self._part
        if isinstance(part, Thinking):
            if isinstance(self._open, ReasoningBuilder):
                return []
            told = self._close_item()
            self._open = ReasoningBuilder(self._index, self._id("rs"), part)
            return told + self._open.open()
        if not isinstance(part, Text | Refusal):
            return []
        self._part = None
        told: Events = []
        if not isinstance(self._open, MessageBuilder) or begins_message(part):
            told = self._close_item()
            self._open = MessageBuilder(self._index, self._id("msg"), part)
            told += self._open.open()
        return told + self._open.begin(part)

    def _open_call(self, part: ToolCall) -> Events:
        told = self._close_item()
        if not part.id:
            part = altered(part, id=f"call_{self._asked.id}{self._index:02x}")
        self._proved = False
        if part.signature and part.signer not in (None, NAME):
            told += self._whole(proof_item(self._id("rs"), part))
            self._proved = True
        prefix = "ctc" if part.kind == "custom" else "fc"
        tool = None if own(part.extra) else self._names.tool(part.name)
        if tool is not None and is_client_run(tool):
            id = call_id(tool, self._id("x").partition("_")[2])
            self._open = ClientCallBuilder(self._index, id, part, tool)
            return told
        if tool is not None and tool.kind == "custom":
            prefix = "ctc"
        self._open = CallBuilder(self._index, self._id(prefix), part, tool)
        return told + self._open.open()

    def _add(self, text: str) -> Events:
        if not text:
            return []
        told = self._ensure()
        builder = self._open
        if isinstance(builder, MessageBuilder):
            return told + builder.add(text, self._taken_logprobs())
        if isinstance(builder, ReasoningBuilder | CallBuilder | ClientCallBuilder):
            told += builder.add(text)
        return told

    def _taken_logprobs(self) -> list[JsonObject]:
        tokens, self._logprobs = self._logprobs, []
        return with_bytes(tokens) if tokens else tokens

    def _sign(self, event: SignatureDelta) -> Events:
        if isinstance(self._part, Thinking):
            told = self._ensure()
            if isinstance(self._open, ReasoningBuilder):
                self._open.sign(event.signature, event.signer)
            return told
        if isinstance(self._part, ToolCall) and event.signer not in ("", NAME):
            whole = (self._part.signature or "") + event.signature
            self._part = altered(self._part, signature=whole, signer=event.signer)
        return []

    def _end_part(self, final: Part | None) -> Events:
        """Ends the open part as `final`, or as the sum of its deltas."""
        part, self._part = self._part, None
        match part:
            case Media():
                return self._end_media(final if isinstance(final, Media) else part)
            case ToolCall():
                return self._end_call(part, final if isinstance(final, ToolCall) else None)
            case Thinking():
                return self._end_thinking(part, final if isinstance(final, Thinking) else None)
            case Text() | Refusal():
                # The part has sent nothing yet, so it is empty unless its end has text.
                if not isinstance(final, Text | Refusal) or not final.text:
                    return []
                self._part = final
                return self._ensure() + self._end_part(final)
        if isinstance(self._open, MessageBuilder):
            self._open.logprobs += self._taken_logprobs()
            return self._open.end(final if isinstance(final, Text | Refusal) else None)
        return []

    def _end_thinking(self, part: Thinking, final: Thinking | None) -> Events:
        if not isinstance(self._open, ReasoningBuilder):
            if final is None or not (final.text or final.signature or final.redacted):
                return []
            self._part = final
            told = self._ensure()
            self._part = None
            return told + self._end_thinking(part, final)
        return self._open.end(final) + self._close_item()

    def _end_call(self, part: ToolCall, final: ToolCall | None) -> Events:
        builder = self._open
        if not isinstance(builder, CallBuilder | ClientCallBuilder):
            return []
        told = builder.end(final) + self._close_item()
        proof = final if final is not None and final.signature else part
        if proof.signature and proof.signer not in (None, NAME) and not self._proved:
            signed = altered(builder.call, signature=proof.signature, signer=proof.signer)
            told += self._whole(proof_item(self._id("rs"), signed))
        return told

    def _end_media(self, part: Media) -> Events:
        """Adds an image as an item of its own, and audio as its transcript.

        The API gives no audio.
        """
        data = "".join([part.data or "", *self._data])
        if part.kind == "image" and data:
            item = write_image(altered(part, data=data))
            return self._whole({"id": self._id("ig"), **item})
        if not part.transcript:
            return []
        self._part = Text(text=part.transcript)
        return self._ensure() + self._end_part(None)

    def _whole(self, item: JsonObject) -> Events:
        told = self._close_item()
        self._open = WholeBuilder(self._index, item)
        return told + self._open.open() + self._close_item()

    def _close_item(self) -> Events:
        builder = self._open
        if builder is None:
            return []
        self._open = None
        cut = self._stop is not None and self._stop.reason in INCOMPLETE
        told = builder.close(cut)
        self._items.append(builder.item)
        return told

    def _finish(self) -> Events:
        self._over = True
        self.response["output"] = self._items
        if self._usage is not None:
            self.response["usage"] = write_usage(self._usage)
        if self._stop is not None and self._stop.reason == "error":
            return self._failed(ApiError(message="the provider ended the response with an error"))
        stop = self._stop or Stop(reason="end")
        finish(self.response, stop)
        end = "incomplete" if self.response["status"] == "incomplete" else "completed"
        return self._number_all([{"type": f"response.{end}", "response": self.response}])

    def _fail(self, error: ApiError) -> Events:
        self._over = True
        self.response["output"] = self._items
        if self._usage is not None:
            self.response["usage"] = write_usage(self._usage)
        return self._failed(error)

    def _failed(self, error: ApiError) -> Events:
        self.response |= {"status": "failed", "error": failure(error)}
        return self._number_all([{"type": "response.failed", "response": self.response}])

    @property
    def _index(self) -> int:
        """Returns the index in the output of the item that starts next."""
        return len(self._items)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._asked.id}{self._index:02x}"

    def _number_all(self, events: Events) -> Events:
        for event in events:
            event["sequence_number"] = self._number
            self._number += 1
        return events


def _encode(events: Events) -> bytes:
    return b"".join(encode(dumps(event), event["type"]) for event in events)
