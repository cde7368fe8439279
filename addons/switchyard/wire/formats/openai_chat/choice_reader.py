"""Reads the deltas of one choice of a stream.

Source: OpenAI's reference, "The chat completion chunk object", `choices`. The module `reasoning`
knows the dialects of thinking, `calls` those of tool calls.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.formats.openai_chat.calls import Calls
from switchyard.wire.formats.openai_chat.content import PART_FORM
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.parts import Places
from switchyard.wire.formats.openai_chat.parts import annotations_of
from switchyard.wire.formats.openai_chat.parts import delta_of
from switchyard.wire.formats.openai_chat.parts import read_answer_content
from switchyard.wire.formats.openai_chat.parts import read_audio
from switchyard.wire.formats.openai_chat.parts import read_images
from switchyard.wire.formats.openai_chat.reasoning import dialect_of
from switchyard.wire.formats.openai_chat.reasoning import dialect_of_names
from switchyard.wire.formats.openai_chat.reasoning import opaque_message
from switchyard.wire.formats.openai_chat.reasoning import signed_message
from switchyard.wire.formats.openai_chat.reasoning import signer_of
from switchyard.wire.formats.openai_chat.reasoning import words_of
from switchyard.wire.formats.openai_chat.stops import read_stop
from switchyard.wire.formats.openai_chat.tools import choice_seed
from switchyard.wire.formats.openai_chat.tools import gemini_signature
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import read_tokens
from switchyard.wire.shared.readable import COPILOT

_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "text", "usage", "error"})
_DELTA = frozenset(
    {
        *("role", "content", "refusal", "audio", "images", "annotations"),
        *("tool_calls", "function_call", "reasoning_details", OPAQUE, *REASONING_NAMES),
    }
)
_THINKING = frozenset({"reasoning_details", OPAQUE, *REASONING_NAMES})


class ChoiceReader:
    """Reads one choice of a stream: `read` in order, then `end_parts` and `end`."""

    def __init__(self, index: int, seed: str) -> None:
        self._index = index
        self._places = Places()
        self._calls = Calls(index, self._places, choice_seed(seed, index))
        self._kind = ""
        self._place = -1
        """The index and kind of the open text part."""
        self._thought: list[str] = []
        """The text of the open thinking part."""
        self._thinking = Thinking()
        self._others = _Others()
        self.finish: JsonObject | None = None
        """The last choice object that stated a finish reason."""
        self._spoke = False
        self._message_signature = ""
        """Google's proof of the whole message."""
        self._opaque = ""
        """Copilot's proof, as far as it came behind the thinking."""

    @property
    def in_text(self) -> bool:
        """Whether the open part is a text."""
        return self._kind == "text"

    def read(self, raw: JsonObject, events: list[Event]) -> None:
        """Reads one entry of a chunk's `choices`."""
        if (said := raw.get("logprobs")) and isinstance(said, dict):
            if tokens := read_tokens(said.get("content")):
                events.append(Extra(extra_of(tokens), self._index))
        before = len(events)
        delta = raw.get("delta")
        if not delta or not isinstance(delta, dict):
            delta = delta_of(raw, self._spoke)
        words = delta.get("content")
        if len(delta) == 1 and isinstance(words, str):  # true of most chunks
            if words:
                self._words("text", words, events)
        else:
            self._delta(delta, events)
        if len(events) > before:
            self._spoke = True
        if fields := self._others.read(raw, delta):
            events.append(Extra({NAME: fields}, self._index))
        if raw.get("finish_reason") and text_of(raw["finish_reason"]):
            self.finish = raw

    @property
    def calls(self) -> bool:
        """Whether the choice has called a tool so far."""
        return bool(self._calls)

    def end_parts(self, sources: tuple[Citation, ...], events: list[Event]) -> None:
        """Ends every open part. `sources` are those listed beside the choices."""
        if sources and self._spoke:
            self._cite(sources, events)
        self._close(events)
        if self._message_signature:
            events += self._calls.sign_first(self._message_signature)
            if not self._calls:
                self._whole(signed_message(self._message_signature), events)
            self._message_signature = ""
        if self._opaque:
            self._whole(opaque_message(self._opaque), events)
            self._opaque = ""
        events += self._calls.end_all()

    def end(self, events: list[Event]) -> None:
        """Emits the stop reason if the choice stated one or had any content."""
        has_calls = bool(self._calls)
        stop = read_stop(self.finish, has_calls) if self.finish is not None else None
        if stop is None and (self._spoke or has_calls):
            stop = Stop(reason="tool_calls" if has_calls else "end")
        if stop is not None:
            events.append(Finish(stop, self._index))

    def _delta(self, delta: JsonObject, events: list[Event]) -> None:
        if not _THINKING.isdisjoint(delta):
            self._reasoning(delta, events)
        if content := delta.get("content"):
            if isinstance(content, str):
                self._words("text", content, events)
            else:
                self._listed(content, events)
        if refusal := text_of(delta.get("refusal")):
            self._words("refusal", refusal, events)
        if audio := delta.get("audio"):
            self._hear(audio, events)
        for image in read_images(delta.get("images")):
            self._whole(image, events)
        if citations := annotations_of(delta.get("annotations")):
            self._cite(citations, events)
        if calls := delta.get("tool_calls"):
            for raw in calls if isinstance(calls, list) else (calls,):
                if isinstance(raw, dict):
                    self._close(events)
                    events += self._calls.read(raw)
        if signature := gemini_signature(delta):
            self._message_signature = signature
        if (legacy := delta.get("function_call")) and isinstance(legacy, dict):
            if any(value is not None and value != "" for value in legacy.values()):
                self._close(events)
                events += self._calls.read_legacy(legacy)

    def _words(self, kind: str, text: str, events: list[Event]) -> None:
        """Appends text of one kind to the open part, or starts a new part."""
        if kind != self._kind:
            part = Refusal(text="") if kind == "refusal" else Text(text="")
            self._open(kind, part, events)
        events.append(TextDelta(self._place, text, self._index))

    def _open(self, kind: str, part: Part, events: list[Event]) -> None:
        self._close(events)
        events += self._calls.end_complete()
        self._kind = kind
        self._place = self._places.take()
        events.append(PartStart(self._place, part, self._index))

    def _close(self, events: list[Event]) -> None:
        if self._kind:
            self._kind = ""
            events.append(PartEnd(self._place, choice=self._index))

    def _whole(self, part: Part, events: list[Event]) -> None:
        """Emits a part that arrives in one piece."""
        self._open("whole", part, events)
        self._close(events)

    def _listed(self, content: Any, events: list[Event]) -> None:
        """Reads content that is a list of parts (Mistral)."""
        for part in read_answer_content(content if isinstance(content, list) else [content]):
            match part:
                case Text(text=text):
                    if text:
                        self._words("text", text, events)
                case Thinking(text=text):
                    self._think(text, Thinking(form=PART_FORM), events)
                case Opaque() | Media():
                    self._whole(part, events)
                case Refusal(text=text):
                    self._words("refusal", text, events)

    def _reasoning(self, delta: JsonObject, events: list[Event]) -> None:
        """Reads thinking; text repeated in a chunk or in the last chunk counts once."""
        said = [name for name in REASONING_NAMES if text_of(delta.get(name))]
        words = delta[said[0]] if said else ""
        details = objects_of(delta.get("reasoning_details"))
        if words:
            names = [name for name in said if delta[name] == words]
            dialect = dialect_of(details[0]) if details else dialect_of_names(names)
            self._think(words, Thinking(form="+".join(names), dialect=dialect), events)
        for entry in details:
            self._detail(entry, bool(words), events)
        if proof := text_of(delta.get(OPAQUE)):
            self._seal(proof, events)

    def _seal(self, proof: str, events: list[Event]) -> None:
        """Reads a piece of Copilot's proof, which may come with the thinking or behind it."""
        if self._kind != "thinking" and not (self._spoke or self._calls):
            self._think("", opaque_message(""), events)
        if self._kind != "thinking" or self._thinking.dialect != COPILOT:
            self._opaque += proof
            return
        events.append(SignatureDelta(self._place, proof, NAME, choice=self._index))

    def _detail(self, entry: JsonObject, told: bool, events: list[Event]) -> None:
        """Reads an entry of `reasoning_details`; `told`: the chunk repeats its text."""
        text = words_of(entry)
        summary = entry.get("type") == "reasoning.summary"
        form = text_of(entry.get("format"))
        extra = {NAME: {"format": form}} if form else EMPTY
        dialect = dialect_of(entry)
        begun = Thinking(form="details", summary=summary, dialect=dialect, extra=extra)
        if text and not (told or self._summed_up(text)):
            self._think(text, begun, events)
        if signature := text_of(entry.get("signature")):
            if self._kind != "thinking":
                self._think("", begun, events)
            events.append(
                SignatureDelta(self._place, signature, signer_of(entry), choice=self._index)
            )
        if data := text_of(entry.get("data")):
            self._blob(data, entry, begun, events)

    def _summed_up(self, text: str) -> bool:
        """Whether an entry repeats the words that a plain member has already given."""
        plain = self._kind == "thinking" and self._thinking.form != "details"
        return plain and "".join(self._thought).endswith(text)

    def _blob(self, data: str, entry: JsonObject, begun: Thinking, events: list[Event]) -> None:
        """Reads encrypted reasoning; in the Responses API it is one with its summary."""
        signer = signer_of(entry)
        item = text_of(entry.get("id")) or None
        text, form = "", begun.form
        if self._kind == "thinking" and signer == "openai-responses":
            text, form = "".join(self._thought), self._thinking.form
        else:
            self._open("thinking", begun, events)
        part = Thinking(
            text=text,
            redacted=data,
            signer=signer,
            id=item,
            summary=bool(text),
            dialect=begun.dialect,
            extra=begun.extra,
            form=form,
        )
        self._kind = ""
        events.append(PartEnd(self._place, part, self._index))

    def _think(self, text: str, begun: Thinking, events: list[Event]) -> None:
        if self._kind != "thinking":
            self._open("thinking", begun, events)
            self._thinking = begun
            self._thought = []
        if text:
            self._thought.append(text)
            events.append(TextDelta(self._place, text, self._index))

    def _hear(self, raw: Any, events: list[Event]) -> None:
        part = read_audio(raw)
        if part is None:
            if isinstance(raw, dict) and raw.get("expires_at"):
                fields = {"message": {"audio": {"expires_at": raw["expires_at"]}}}
                events.append(Extra({NAME: fields}, self._index))
            return
        if self._kind != "audio":
            self._open("audio", Media(kind="audio", extra=part.extra), events)
        if part.data or part.transcript:
            transcript = part.transcript or ""
            events.append(MediaDelta(self._place, part.data or "", transcript, self._index))

    def _cite(self, citations: tuple[Citation, ...], events: list[Event]) -> None:
        if self._kind != "text":
            self._open("text", Text(text=""), events)
        events += [CitationDelta(self._place, citation, self._index) for citation in citations]


class _Others:
    """The members of one choice that the model has no field for."""

    def __init__(self) -> None:
        self._told: JsonObject = {}
        """The members so far, with their last values."""

    def read(self, raw: JsonObject, delta: JsonObject) -> JsonObject:
        """Returns those of a chunk's choice that are new, as they are."""
        choice = {
            k: v
            for k, v in raw.items()
            if v is not None and k not in _CHOICE and self._is_new(k, v)
        }
        message = {
            k: v
            for k, v in delta.items()
            if v is not None and k not in _DELTA and self._is_new(k, v)
        }
        if not (choice or message):
            return EMPTY
        return {k: v for k, v in (("choice", choice), ("message", message)) if v}

    def _is_new(self, key: str, value: Any) -> bool:
        """Whether a member has changed since the last chunk; lists always continue."""
        if value == "" or value == [] or value == self._told.get(key):
            return False
        if isinstance(value, dict) and all(inner is None for inner in value.values()):
            return False
        if not isinstance(value, list):
            self._told[key] = value
        return True
