"""Writes the events of a stream and its content blocks."""

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.blocks import SEALED
from switchyard.wire.formats.anthropic.blocks import call_proof
from switchyard.wire.formats.anthropic.blocks import thinking_signature
from switchyard.wire.formats.anthropic.blocks import write_block
from switchyard.wire.formats.anthropic.blocks import write_citation
from switchyard.wire.formats.anthropic.errors import write_error
from switchyard.wire.formats.anthropic.usage import write_usage
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.shared.response_ids import answer_id


def message_start(start: Start, asked: Asked, usage: Usage | None) -> bytes:
    """Returns the first event.

    Contains the prompt's token counts as far as they are known; the last event repeats them.
    """
    message: JsonObject = {
        "id": answer_id(start.id, "msg_", asked, start.format == NAME),
        "type": "message",
        "role": "assistant",
        "model": start.model or asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
    if start.format == NAME:
        message.update(start.extra)
    prompt = altered(usage, output=None, reasoning=None) if usage else None
    counts = write_usage(prompt, own=start.format == NAME)
    message["usage"] = {"input_tokens": 0, **counts, "output_tokens": 0}
    return _event("message_start", {"message": message})


def message_delta(delta: JsonObject, usage: JsonObject, top: JsonObject | None = None) -> bytes:
    """Returns the event before the last: the stop reason and the final counts."""
    return _event(
        "message_delta", {"delta": delta, "usage": {"output_tokens": 0, **usage}, **(top or {})}
    )


def error_event(error: ApiError) -> bytes:
    """Returns an error in mid-stream, whose `type` takes the place of a status."""
    return encode(dumps(write_error(error)[1]), "error")


def block_start(index: int, block: JsonObject) -> bytes:
    return _event("content_block_start", {"index": index, "content_block": block})


def block_delta(index: int, delta: JsonObject) -> bytes:
    return _event("content_block_delta", {"index": index, "delta": delta})


def block_stop(index: int) -> bytes:
    return _event("content_block_stop", {"index": index})


def _event(kind: str, payload: JsonObject) -> bytes:
    return encode(dumps({"type": kind, **payload}), kind)


def block_for(part: Part, index: int, *, own: bool) -> "Block":
    """Returns what writes a part. `own`: the provider speaks this format, too."""
    match part:
        case Text():
            return TextBlock(index, part, visible=not own)
        case Refusal():
            return TextBlock(index, Text(text=part.text), visible=not own)
        case Thinking():
            return _ThinkingBlock(index, part)
        case ToolCall():
            return _ToolBlock(index, part)
        case Opaque(format=format) if format == NAME:
            return _OpaqueBlock(index, part)
        case Opaque(text=str(text)):
            return TextBlock(index, Text(text=text), visible=not own)
    return Block(index)


class Block:
    """Base of content blocks being written; stands for a part that has no block."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.opened = False

    def start(self) -> bytes:
        return b""

    def delta(self, event: Event) -> bytes:
        return b""

    def end(self, part: Part | None) -> bytes:
        """Returns the bytes that end the block; `part` is the final part, if known."""
        return block_stop(self.index) if self.opened else b""

    def after(self) -> JsonObject | None:
        """Returns a complete block that must follow this one, if any."""
        return None


class TextBlock(Block):
    """A text block, opened by its first text or citation, so that none is empty.

    With `visible`, by its first visible character: white space before that is held back, and left
    out where none comes. The API refuses blank blocks in the conversation's next turn ("text
    content blocks must contain non-whitespace text").
    """

    def __init__(self, index: int, part: Text, *, visible: bool = False) -> None:
        super().__init__(index)
        self._part = part
        self._visible = visible
        self._held = ""

    def start(self) -> bytes:
        first = self._text(self._part.text) if self._part.text else b""
        return first + b"".join(map(self._cite, self._part.citations))

    def open(self) -> bytes:
        if self.opened:
            return b""
        self.opened = True
        return block_start(self.index, {"type": "text", "text": "", **self._part.extra})

    def delta(self, event: Event) -> bytes:
        match event:
            case TextDelta(text=text) if text:
                return self._text(text)
            case CitationDelta(citation=citation):
                return self._cite(citation)
        return b""

    def _text(self, text: str) -> bytes:
        if self._visible and not self.opened and not text.strip():
            self._held += text
            return b""
        text, self._held = self._held + text, ""
        return self.open() + block_delta(self.index, {"type": "text_delta", "text": text})

    def _cite(self, citation: Citation) -> bytes:
        written = write_citation(citation)
        if written is None:
            return b""
        # What is cited is said, visible or not.
        self._visible = False
        before = self._text("") if self._held else self.open()
        delta = {"type": "citations_delta", "citation": written}
        return before + block_delta(self.index, delta)


class _ThinkingBlock(Block):
    """A thinking block, opened by its first text or proof.

    A proof without text makes it redacted thinking.
    """

    def __init__(self, index: int, part: Thinking) -> None:
        super().__init__(index)
        self._part = part
        self._words: list[str] = []
        self._signature: list[str] = []
        self._signer = part.signer

    def start(self) -> bytes:
        return self._text(self._part.text) if self._part.text else b""

    def delta(self, event: Event) -> bytes:
        match event:
            case TextDelta(text=text) if text:
                return self._text(text)
            case SignatureDelta(signature=signature, signer=signer):
                self._signature.append(signature)
                self._signer = signer
        return b""

    def end(self, part: Part | None) -> bytes:
        thinking = self._complete(part if isinstance(part, Thinking) else self._part)
        first = b""
        if not self.opened and thinking.text:
            first = self._text(thinking.text)
        if not self.opened:
            if not (thinking.signature or thinking.redacted):
                return b""
            self.opened = True
            return block_start(self.index, write_block(thinking) or {}) + block_stop(self.index)
        signature = thinking_signature(thinking)
        if signature:
            delta = {"type": "signature_delta", "signature": signature}
            first += block_delta(self.index, delta)
        return first + block_stop(self.index)

    def _complete(self, told: Thinking) -> Thinking:
        """Returns the whole part, in the form that its proof's format requires."""
        signer = self._signer or told.signer
        form = self._part.form if signer is None else "" if signer == NAME else SEALED
        return altered(
            told,
            text="".join(self._words) or told.text,
            signature="".join(self._signature) or told.signature,
            signer=signer,
            form=form,
        )

    def _text(self, text: str) -> bytes:
        out = b""
        if not self.opened:
            self.opened = True
            block = {"type": "thinking", "thinking": "", "signature": "", **self._part.extra}
            out = block_start(self.index, block)
        self._words.append(text)
        return out + block_delta(self.index, {"type": "thinking_delta", "thinking": text})


class _ToolBlock(Block):
    """A tool call, whose arguments are sent as they arrive.

    Text that is no JSON object becomes one with a single member, piece by piece: the free text of a
    custom tool becomes `input`, and other arguments become `arguments` (see `shared.arguments`).
    """

    def __init__(self, index: int, part: ToolCall) -> None:
        super().__init__(index)
        self._part = part
        self._member = "input" if part.kind == "custom" else ""
        """The member that the text becomes; empty for a JSON object."""
        self._blank = ""
        """White space before the first character, which decides."""
        self._said = False
        self._late: list[str] = []
        self._signer = ""

    def start(self) -> bytes:
        self.opened = True
        block = {
            "type": "tool_use",
            "id": self._part.id,
            "name": self._part.name,
            "input": {},
            **self._part.extra,
        }
        return block_start(self.index, block) + self._json(self._part.arguments)

    def delta(self, event: Event) -> bytes:
        match event:
            case ArgumentsDelta(text=text):
                return self._json(text)
            case SignatureDelta(signature=signature, signer=signer):
                self._late.append(signature)
                self._signer = signer
        return b""

    def after(self) -> JsonObject | None:
        call = altered(self._part, signature="".join(self._late), signer=self._signer)
        return call_proof(call)

    def end(self, part: Part | None) -> bytes:
        rest = b""
        if isinstance(part, ToolCall) and not self._said:
            rest = self._json(part.arguments)
        if self._member:
            rest += self._piece('"}' if self._said else '{"input":""}')
        elif not self._said:
            rest += self._piece("{}")
        return rest + block_stop(self.index)

    def _json(self, text: str) -> bytes:
        if not self._said:
            text, self._blank = self._blank + text, ""
            if not self._member and not text.strip():
                self._blank = text
                return b""
        if not text:
            return b""
        first, self._said = not self._said, True
        if first and not self._member and text.lstrip()[0] != "{":
            self._member = "arguments"
        if self._member:
            text = dumps(text).decode()[1:-1]
            text = f'{{"{self._member}":"{text}' if first else text
        return self._piece(text)

    def _piece(self, text: str) -> bytes:
        return block_delta(self.index, {"type": "input_json_delta", "partial_json": text})


class _OpaqueBlock(Block):
    """A block of this format, written when it is complete.

    Clients expect `input`, and the content of a compaction, as deltas, also of a complete block.
    """

    def __init__(self, index: int, part: Opaque) -> None:
        super().__init__(index)
        self._part = part

    def end(self, part: Part | None) -> bytes:
        self.opened = True
        raw = part.raw if isinstance(part, Opaque) else self._part.raw
        delta: JsonObject | None = None
        if isinstance(raw.get("input"), dict):
            text = dumps(raw["input"]).decode()
            raw, delta = {**raw, "input": {}}, {"type": "input_json_delta", "partial_json": text}
        elif raw.get("type") == "compaction":
            said = {k: v for k, v in raw.items() if k != "type"}
            raw = {**dict.fromkeys(raw), "type": "compaction"}
            delta = {"type": "compaction_delta", **said}
        out = block_start(self.index, raw)
        if delta is not None:
            out += block_delta(self.index, delta)
        return out + block_stop(self.index)
