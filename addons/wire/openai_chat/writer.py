"""Writes a stream. OpenAI's reference, "The chat completion chunk object".

Clients rely on: the role in the first delta of a choice, the same `id`, `created` and `model` in
every chunk, a call's id and name before its arguments, one `finish_reason` in a chunk with an
empty delta, the usage (only if asked for) in a last chunk without choices, and one `[DONE]`. The
official SDK adds lists in deltas up by `index`, so every entry of one has its own.
"""

from dataclasses import replace
from typing import Any

from addons.wire.answerids import answer_id
from addons.wire.conversation import Media
from addons.wire.conversation import Opaque
from addons.wire.conversation import Part
from addons.wire.conversation import Refusal
from addons.wire.conversation import Stop
from addons.wire.conversation import Text
from addons.wire.conversation import Thinking
from addons.wire.conversation import ToolCall
from addons.wire.conversation import Usage
from addons.wire.customtools import InputStream
from addons.wire.errors import ApiError
from addons.wire.events import ArgumentsDelta
from addons.wire.events import CitationDelta
from addons.wire.events import End
from addons.wire.events import Event
from addons.wire.events import Extra
from addons.wire.events import Failure
from addons.wire.events import Finish
from addons.wire.events import MediaDelta
from addons.wire.events import PartEnd
from addons.wire.events import PartStart
from addons.wire.events import SignatureDelta
from addons.wire.events import Start
from addons.wire.events import TextDelta
from addons.wire.events import UsageUpdate
from addons.wire.fold import merge_usage
from addons.wire.format import Asked
from addons.wire.jsonio import EMPTY
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps
from addons.wire.logprobs import tokens_in
from addons.wire.members import rest
from addons.wire.openai_chat.content import write_part
from addons.wire.openai_chat.errors import write_error
from addons.wire.openai_chat.names import NAME
from addons.wire.openai_chat.names import REASONING_NAMES
from addons.wire.openai_chat.names import own
from addons.wire.openai_chat.part_state import PartState
from addons.wire.openai_chat.parts import write_citation
from addons.wire.openai_chat.reasoning import PROVING
from addons.wire.openai_chat.reasoning import detail_entries
from addons.wire.openai_chat.reasoning import names_of
from addons.wire.openai_chat.reasoning import piece_names
from addons.wire.openai_chat.reasoning import words_of
from addons.wire.openai_chat.stops import finish_word
from addons.wire.openai_chat.stops import stop_members
from addons.wire.openai_chat.tools import LEGACY
from addons.wire.openai_chat.tools import custom_names
from addons.wire.openai_chat.tools import is_legacy
from addons.wire.openai_chat.tools import signature_content
from addons.wire.openai_chat.usage import write_usage
from addons.wire.sse import encode

DONE_FRAME = b"data: [DONE]\n\n"
CHUNK = "chat.completion.chunk"


def error_frame(error: ApiError) -> bytes:
    """The chunk that tells an error."""
    return encode(dumps(write_error(error)[1]))


class ChatWriter:
    """One per stream; see `format.StreamWriter`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._legacy = is_legacy(asked.conversation)
        self._custom = custom_names(asked.conversation)
        self._started = False
        self._ended = False
        self._source = ""
        """The format the stream comes from."""
        self._head: JsonObject = {}
        self._prefix = b""
        """The serialised start of every chunk, up to its choices."""
        self._choices: dict[int, _ChoiceWriter] = {}
        self._usage: Usage | None = None

    def feed(self, event: Event) -> bytes:
        """The bytes for one event; none after the end."""
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
        """The end of the stream: what is missing of it, the usage, `[DONE]`."""
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
        """The writer of a choice, and what has to go out before its first delta."""
        choice = self._choices.get(index)
        if choice is not None:
            return b"", choice
        opening = b"" if self._started else self._start(Start())
        choice = self._choices[index] = _ChoiceWriter(self._legacy, self._custom, self._source)
        # Members of the whole answer that only this format knows go out once, with the first.
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
        """Those of another format's words that come next."""
        self._legacy = legacy
        self._custom = custom
        self._proves = source in PROVING
        self._parts: dict[int, PartState] = {}
        self._length = 0
        """Characters of text told so far, for citations that do not say where they belong."""
        self._annotations = 0
        self._details = 0
        self._images = 0

    def logged(self, delta: JsonObject | None = None) -> JsonObject:
        """The log probabilities that go with a delta of words, or with the end."""
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
        """What the parts that were never ended still have to say."""
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
        """A call: its id and name first. A client of the deprecated `functions` gets the first
        call as `function_call`; any more, which it could not have asked for, the new way."""
        form = LEGACY if (self._legacy or part.form == LEGACY) and not self.calls else ""
        turned = part.kind == "function" and part.name in self._custom
        made = replace(part, kind="custom" if turned else part.kind, form=form)
        state = self._parts[index] = PartState(made)
        # The first alone may be of the old form, which has no number.
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
        """What only the end of a part can tell: signatures and encrypted reasoning."""
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
                # Its words went out piece by piece.
                number, kind, _ = state.entry
                state.entry = None
                entry = {**rest(entry, "text", "summary"), "type": kind}
            else:
                number = self._details
                self._details += 1
            deltas.append({"reasoning_details": [{**entry, "index": number}]})
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
    """The members that hold anything."""
    return {k: v for k, v in (members or EMPTY).items() if v not in (None, "", [], {})}


def _delta(said: JsonObject) -> JsonObject:
    """The members of a whole message as a delta: an empty call would be one to clients."""
    call = said.get(LEGACY)
    return rest(said, LEGACY) if isinstance(call, dict) and not any(call.values()) else said


def _audio(part: Media) -> JsonObject:
    said: JsonObject = {
        "id": part.extra.get("id"),
        "data": part.data,
        "transcript": part.transcript,
    }
    return {k: v for k, v in said.items() if v}
