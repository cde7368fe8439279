"""Writes streams (OpenAI's reference, "The chat completion chunk object").

Clients rely on: the role in the first delta of a choice, the same `id`, `created` and `model` in
every chunk, a call's id and name before its arguments, one `finish_reason` in a chunk with an empty
delta, the usage (only if requested) in a last chunk without choices, and one `[DONE]`. The official
SDK concatenates lists in deltas by `index`, so every entry of one has its own.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat.content import write_part
from switchyard.wire.formats.openai_chat.errors import write_error
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.names import own
from switchyard.wire.formats.openai_chat.part_state import PartState
from switchyard.wire.formats.openai_chat.parts import write_citation
from switchyard.wire.formats.openai_chat.reasoning import PROVING
from switchyard.wire.formats.openai_chat.reasoning import detail_entries
from switchyard.wire.formats.openai_chat.reasoning import names_of
from switchyard.wire.formats.openai_chat.reasoning import piece_names
from switchyard.wire.formats.openai_chat.reasoning import words_of
from switchyard.wire.formats.openai_chat.stops import finish_word
from switchyard.wire.formats.openai_chat.stops import stop_members
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.formats.openai_chat.tools import custom_names
from switchyard.wire.formats.openai_chat.tools import is_legacy
from switchyard.wire.formats.openai_chat.tools import signature_content
from switchyard.wire.formats.openai_chat.usage import write_usage
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
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
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.shared.custom_tools import InputStream
from switchyard.wire.shared.readable import COPILOT
from switchyard.wire.shared.response_ids import answer_id

DONE_FRAME = b"data: [DONE]\n\n"
CHUNK = "chat.completion.chunk"


def error_frame(error: ApiError) -> bytes:
    """Returns the chunk that reports an error."""
    return encode(dumps(write_error(error)[1]))


class ChatWriter:
    """Writes one stream; see `format.StreamWriter`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._legacy = is_legacy(asked.conversation)
        self._custom = custom_names(asked.conversation)
        self._started = False
        self._ended = False
        self._source = ""
        """The format that the stream comes from."""
        self._head: JsonObject = {}
        self._prefix = b""
        """The serialised start of every chunk, up to its choices."""
        self._choices: dict[int, _ChoiceWriter] = {}
        self._usage: Usage | None = None

    def feed(self, event: Event) -> bytes:
        """Returns the bytes for one event; none after the end."""
        if self._ended:
            return b""
        match event:
            case Start():
                return self._start(event)
            case UsageUpdate():
                self._usage = merge_usage(self._usage, event.usage)
                return b""
            case End():
                return self.close()
            case Failure():
                self._ended = True
                return error_frame(event.error) + DONE_FRAME
            case Finish():
                return self._finish(event.choice, event.stop, own(event.extra))
        opening, choice = self._choice(event.choice)
        if isinstance(event, Extra):
            if self._source != NAME:
                choice.logprobs += tokens_in(event.fields)
            fields = own(event.fields)
            delta, more = _delta(_said(fields.get("message"))), _said(fields.get("choice"))
            return opening + (self._chunk(event.choice, delta, more=more) if delta or more else b"")
        return opening + b"".join(
            self._chunk(event.choice, delta, more=choice.logged(delta))
            for delta in choice.deltas(event)
        )

    def close(self) -> bytes:
        """Returns the end of the stream: missing parts, the usage, `[DONE]`."""
        if self._ended:
            return b""
        out = b"" if self._started else self._start(Start())
        if not self._choices:
            out += self._choice(0)[0]
        for index, choice in self._choices.items():
            if not choice.finished:
                out += self._finish(index, None, {})
        if self._asked.include_usage and self._usage is not None:
            usage = dumps(write_usage(self._usage))
            out += b'data: %b,"choices":[],"usage":%b}\n\n' % (self._prefix, usage)
        self._ended = True
        return out + DONE_FRAME

    def _start(self, event: Start) -> bytes:
        if self._started:
            return b""
        self._started = True
        self._source = event.format
        extra = dict(own(event.extra))
        extra.pop("object", None)
        head: JsonObject = {
            "id": answer_id(event.id, "chatcmpl-", self._asked, event.format == NAME),
            "object": CHUNK,
            "created": event.created if event.created is not None else self._asked.created,
            "model": event.model or self._asked.model,
        }
        for name in ("service_tier", "system_fingerprint"):
            if (value := extra.pop(name, None)) is not None:
                head[name] = value
        self._prefix = dumps(head)[:-1]
        self._head = extra
        return b""

    def _choice(self, index: int) -> tuple[bytes, "_ChoiceWriter"]:
        """Returns the writer of a choice, and the chunks due before its first delta."""
        choice = self._choices.get(index)
        if choice is not None:
            return b"", choice
        opening = b"" if self._started else self._start(Start())
        choice = self._choices[index] = _ChoiceWriter(self._legacy, self._custom, self._source)
        # Top-level members that only this format knows go out once, with the first chunk.
        members, self._head = self._head, {}
        delta = {"role": "assistant", "content": ""}
        return opening + self._chunk(index, delta, members), choice

    def _finish(self, index: int, stop: Stop | None, extra: JsonObject) -> bytes:
        opening, choice = self._choice(index)
        if choice.finished:
            return opening
        choice.finished = True
        out = b"".join(self._chunk(index, delta) for delta in choice.rest())
        extra = choice.logged() | extra
        if stop is None:
            stop = Stop(reason="tool_calls" if choice.calls else "end")
        word = finish_word(stop, False, legacy=[c.form for c in choice.calls] == [LEGACY])
        return opening + out + self._chunk(index, {}, finish=word, more=extra | stop_members(stop))

    def _chunk(
        self,
        index: int,
        delta: JsonObject,
        members: JsonObject | None = None,
        finish: str | None = None,
        more: JsonObject = EMPTY,
    ) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish, **more}
        line = b'data: %b,"choices":[%b]' % (self._prefix, dumps(choice))
        if members:
            return line + b"," + dumps(members)[1:] + b"\n\n"
        return line + b"}\n\n"


class _ChoiceWriter:
    """Turns the events of one choice into deltas."""

    def __init__(self, legacy: bool, custom: frozenset[str], source: str) -> None:
        self.finished = False
        self.calls: list[ToolCall] = []
        self.logprobs: list[JsonObject] = []
        """Log probabilities of the next text, in another format."""
        self._legacy = legacy
        self._custom = custom
        self._proves = source in PROVING
        self._parts: dict[int, PartState] = {}
        self._length = 0
        """Characters of text sent so far, for citations without bounds."""
        self._annotations = 0
        self._details = 0
        self._images = 0

    def logged(self, delta: JsonObject | None = None) -> JsonObject:
        """Returns the log probabilities for a delta of text, or for the end."""
        if not self.logprobs or (delta is not None and not delta.get("content")):
            return EMPTY
        tokens, self.logprobs = self.logprobs, []
        return {"logprobs": {"content": tokens, "refusal": None}}

    def deltas(self, event: Event) -> list[JsonObject]:
        match event:
            case PartStart():
                return self._begin(event.index, event.part)
            case TextDelta() | ArgumentsDelta():
                state = self._parts.get(event.index)
                return self._more(state, event.text) if state and event.text else []
            case SignatureDelta():
                if state := self._parts.get(event.index):
                    state.signature += event.signature
                    state.signer = event.signer
            case CitationDelta():
                if state := self._parts.get(event.index):
                    return self._cite(event, state)
            case MediaDelta():
                return [self._hear(event)]
            case PartEnd():
                if (state := self._parts.pop(event.index, None)) is not None:
                    return self._end(state, event.part)
        return []

    def rest(self) -> list[JsonObject]:
        """Returns the deltas still due for parts that have not ended."""
        states, self._parts = list(self._parts.values()), {}
        return [delta for state in states for delta in self._end(state, None)]

    def _begin(self, index: int, part: Part) -> list[JsonObject]:
        match part:
            case Text():
                state = PartState(part, "content", self._length)
            case Refusal():
                state = PartState(part, "refusal")
            case Thinking():
                state = PartState(part)
            case ToolCall():
                return self._call(index, part)
            case Media(kind="audio"):
                return [{"audio": _audio(part)}]
            case Media() | Opaque():
                return self._image(part)
            case _:
                return []
        self._parts[index] = state
        words = part.text
        deltas = self._more(state, words) if words else []
        if isinstance(part, Text):
            for citation in part.citations:
                deltas += self._cite(CitationDelta(index, citation), state)
        return deltas

    def _more(self, state: "PartState", text: str) -> list[JsonObject]:
        part = state.part
        if isinstance(part, ToolCall):
            state.said = True
            if state.input is not None:
                text = state.input.feed(text)
            return [_call_delta(part, state.number, text)] if text else []
        if isinstance(part, Text):
            self._length += len(text)
        elif isinstance(part, Thinking):
            state.words.append(text)
            said: JsonObject = dict.fromkeys(names_of(part) or REASONING_NAMES[:1], text)
            if state.entry is None and (self._proves or "details" in part.form):
                state.entry = (self._details, *piece_names(part))
                self._details += 1
            if state.entry is not None:
                number, kind, member = state.entry
                said["reasoning_details"] = [{"type": kind, member: text, "index": number}]
            return [said]
        return [{state.name: text}]

    def _call(self, index: int, part: ToolCall) -> list[JsonObject]:
        """Starts a call with its id and name.

        A client of the deprecated `functions` receives the first call as `function_call`. Further
        calls, which it cannot ask for, go into `tool_calls`.
        """
        form = LEGACY if (self._legacy or part.form == LEGACY) and not self.calls else ""
        turned = part.kind == "function" and part.name in self._custom
        made = altered(part, kind="custom" if turned else part.kind, form=form)
        state = self._parts[index] = PartState(made)
        # Only the first call may have the deprecated form, which has no number.
        state.number = len(self.calls) - bool(self.calls and self.calls[0].form == LEGACY)
        state.input = InputStream() if turned else None
        state.said = bool(part.arguments)
        self.calls.append(made)
        text = state.input.feed(part.arguments) if state.input else part.arguments
        if form == LEGACY:
            return [{LEGACY: {"name": part.name, "arguments": text}}]
        inner = "input" if made.kind == "custom" else "arguments"
        call: JsonObject = {
            "index": state.number,
            "id": part.id,
            "type": made.kind,
            made.kind: {"name": part.name, inner: text},
        }
        if part.signature and part.signer == "gemini":
            call["extra_content"] = signature_content(part.signature)
        return [{"tool_calls": [call]}]

    def _cite(self, event: CitationDelta, state: "PartState") -> list[JsonObject]:
        entry = write_citation(event.citation, state.start, self._length)
        if entry is None:
            return []
        self._annotations += 1
        return [{"annotations": [{**entry, "index": self._annotations - 1}]}]

    def _hear(self, event: MediaDelta) -> JsonObject:
        said = {"data": event.data, "transcript": event.transcript}
        return {"audio": {k: v for k, v in said.items() if v}}

    def _image(self, part: Part) -> list[JsonObject]:
        entry = write_part(part, own=False)
        if not isinstance(entry, dict) or entry.get("type") != "image_url":
            return []
        self._images += 1
        return [{"images": [{**entry, "index": self._images - 1}]}]

    def _end(self, state: "PartState", final: Part | None) -> list[JsonObject]:
        """Returns the deltas due at a part's end: signatures and encrypted reasoning."""
        if isinstance(state.part, ToolCall):
            return self._end_call(state, state.part)
        part = final if isinstance(final, Thinking) else state.thinking()
        if part is None:
            return []
        words = "".join(state.words)
        deltas: list[JsonObject] = []
        if part.text.startswith(words) and (left := part.text[len(words) :]):
            deltas += self._more(state, left)
        for entry in detail_entries(part, self._details):
            if state.entry is not None and words_of(entry):
                # The entry's text has already gone out in pieces.
                number, kind, _ = state.entry
                state.entry = None
                entry = {**rest(entry, "text", "summary"), "type": kind}
            else:
                number = self._details
                self._details += 1
            deltas.append({"reasoning_details": [{**entry, "index": number}]})
        if part.dialect == COPILOT and part.signature:
            deltas.append({OPAQUE: part.signature})
        return deltas

    def _end_call(self, state: "PartState", call: ToolCall) -> list[JsonObject]:
        deltas: list[JsonObject] = []
        if state.input is not None and (text := state.input.close()):
            deltas.append(_call_delta(call, state.number, text))
        if call.kind == "function" and not state.said:
            deltas.append(_call_delta(call, state.number, "{}"))  # clients parse them
        if state.signature and state.signer == "gemini" and call.form != LEGACY:
            content = signature_content(state.signature)
            deltas.append({"tool_calls": [{"index": state.number, "extra_content": content}]})
        return deltas


def _call_delta(call: ToolCall, number: int, text: str) -> JsonObject:
    if call.form == LEGACY:
        return {LEGACY: {"arguments": text}}
    inner = {"input" if call.kind == "custom" else "arguments": text}
    return {"tool_calls": [{"index": number, call.kind: inner}]}


def _said(members: Any) -> JsonObject:
    """Returns the members that hold anything."""
    return {k: v for k, v in (members or EMPTY).items() if v not in (None, "", [], {})}


def _delta(said: JsonObject) -> JsonObject:
    """Returns the members of a whole message as a delta.

    It omits empty calls, which clients would take for calls.
    """
    call = said.get(LEGACY)
    return rest(said, LEGACY) if isinstance(call, dict) and not any(call.values()) else said


def _audio(part: Media) -> JsonObject:
    said: JsonObject = {
        "id": part.extra.get("id"),
        "data": part.data,
        "transcript": part.transcript,
    }
    return {k: v for k, v in said.items() if v}
