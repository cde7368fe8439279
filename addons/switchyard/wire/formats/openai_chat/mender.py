"""Repairs a stream that passes through to a client of its own format.

Chunks keep their bytes unless they are faulty. The mender omits empty chunks, supplies a missing
role, index, delta or call id, supplies missing finish reasons before the one `[DONE]`, and drops
everything after the end.
"""

import re
from collections.abc import Sequence
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat.call_mender import CallMender
from switchyard.wire.formats.openai_chat.call_mender import FunctionMender
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.parts import delta_of
from switchyard.wire.formats.openai_chat.placeholders import Placeholders
from switchyard.wire.formats.openai_chat.stops import finish_word
from switchyard.wire.formats.openai_chat.stops import read_stop
from switchyard.wire.formats.openai_chat.stream_reader import DONE
from switchyard.wire.formats.openai_chat.stream_reader import payloads
from switchyard.wire.formats.openai_chat.stream_writer import CHUNK
from switchyard.wire.formats.openai_chat.stream_writer import DONE_FRAME
from switchyard.wire.formats.openai_chat.stream_writer import error_frame
from switchyard.wire.formats.openai_chat.tools import answer_seed
from switchyard.wire.formats.openai_chat.tools import choice_seed
from switchyard.wire.formats.openai_chat.usage import is_usage_chunk
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.shared.call_ids import UnusedIds

_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
"""Start of a finish reason in serialised JSON. Inside a text its quotes would be escaped."""

_SAYS_NOTHING = frozenset(
    {
        *("id", "object", "created", "model", "choices", "system_fingerprint", "service_tier"),
        *("provider", "obfuscation"),
    }
)
"""Top-level members that every chunk repeats."""

_NEEDED = ("id", "object", "created", "model")
"""Members that every chunk must have."""

_NULLABLE = frozenset({"index", "delta", "finish_reason"})


class ChatMender:
    """Repairs one stream; see `format.Mender`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._ended = False
        self._head: JsonObject = {}
        """Members that every chunk repeats, for chunks that the mender makes."""
        self._open: dict[int, _ChoiceMender] = {}
        self._placeholders = Placeholders()
        self._id = ""
        """The id of all chunks, if the first one had none."""

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        """Returns the bytes for one frame, which the reader read as `events`."""
        if self._ended:
            return b""
        if frame.raw and self._is_plain(frame.data, events):
            return frame.raw
        out: list[bytes] = []
        found = payloads(frame.data)
        for payload in found:
            if self._ended:
                break
            if payload is DONE:
                out.append(self._finish(events) + DONE_FRAME)
                self._ended = True
                continue
            if self._asked.hides_usage and is_usage_chunk(payload):
                continue
            if payload.get("error") and not payload.get("choices"):
                out += [self._placeholders.release(), encode(dumps(payload)), DONE_FRAME]
                self._ended = True
                continue
            if payload.get("error") and not any(isinstance(event, Failure) for event in events):
                # The reader does not take this `error` for a failure.
                mended = self._identified(self._chunk(rest(payload, "error")))
            else:
                mended = self._identified(self._chunk(payload))
            if mended is not None:
                own = mended is payload and frame.raw and len(found) == 1
                data = frame.raw if own else encode(dumps(mended))
                out.append(self._placeholders.pass_on(mended, data, adds=bool(events)))
        for event in events:
            if isinstance(event, PartStart) and (choice := self._open.get(event.choice)):
                choice.spoke = True
        return b"".join(out)

    def forgets(self, event: TextDelta) -> bool:
        """Whether the mender keeps nothing of a delta's text (see `relay.skim`)."""
        return True

    def close(self, events: Sequence[Event]) -> bytes:
        """Returns the missing end of the stream if the reader found the answer complete."""
        if self._ended or not any(isinstance(event, End) for event in events):
            return b""
        self._ended = True
        return self._finish(events) + DONE_FRAME

    def fail(self, error: ApiError) -> bytes:
        """Returns the chunk that reports an error, and ends the stream."""
        if self._ended:
            return b""
        self._ended = True
        return self._placeholders.release() + error_frame(error) + DONE_FRAME

    def _is_plain(self, data: bytes, events: Sequence[Event]) -> bool:
        """Whether a chunk certainly needs no repair, judged by its events.

        Such a chunk only adds text to choices that have already started.
        """
        if not events or data.find(b"\n") >= 0 or _FINISH.search(data):
            return False
        if self._id or self._placeholders.holds or data.find(b'"id"') < 0:
            return False
        for event in events:
            if not isinstance(event, TextDelta):
                return False
            choice = self._open.get(event.choice)
            if choice is None:
                return False
            choice.spoke = True
        return True

    def _chunk(self, chunk: JsonObject) -> JsonObject | None:
        """Returns the chunk, repaired if needed; None if it holds nothing."""
        choices = chunk.get("choices")
        if not self._head and (chunk.get("id") or choices):
            known = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
            self._head = {k: chunk[k] for k in known if chunk.get(k) is not None}
        says = any(_says(value) for key, value in chunk.items() if key not in _SAYS_NOTHING)
        if not isinstance(choices, list):
            return {**chunk, "choices": []} if chunk.get("usage") else None
        mended = [self._mend(i, raw) for i, raw in enumerate(choices) if isinstance(raw, dict)]
        if not says and all(choice is None for choice in mended):
            return None
        if len(mended) == len(choices) and all(
            new is old or (new is None and says) for new, old in zip(mended, choices, strict=True)
        ):
            return chunk
        return {**chunk, "choices": [choice for choice in mended if choice is not None]}

    def _identified(self, chunk: JsonObject | None) -> JsonObject | None:
        """Returns the chunk with what all chunks of the stream must have, if the first lacks an id.

        The official SDK passes over chunks without the right `object`, and stricter clients refuse
        those without a date or a model.
        """
        if chunk is None:
            return None
        if not self._id:
            # Some providers send an empty chunk without meaning before the first choice.
            if not chunk.get("choices") or text_of(chunk.get("id")) or chunk.get("id") == "":
                return chunk
            self._id = text_of(self._head.get("id")) or f"chatcmpl-{self._asked.id}"
            self._head = {**_head(self._asked), **self._head, "id": self._id, "object": CHUNK}
        missing = {key: self._head[key] for key in _NEEDED if chunk.get(key) is None}
        if not missing and chunk["id"] == self._id and chunk["object"] == CHUNK:
            return chunk
        return {**chunk, **missing, "id": self._id, "object": CHUNK}

    def _mend(self, number: int, raw: JsonObject) -> JsonObject | None:
        index = whole_of(raw.get("index"))
        index = number if index is None else index
        choice = self._open.get(index)
        if choice is None:
            seed = choice_seed(answer_seed(self._head), index)
            ids = UnusedIds(self._asked.taken)
            calls = CallMender(seed, self._placeholders, ids)
            choice = self._open[index] = _ChoiceMender(index, calls)
        return choice.mend(raw)

    def _finish(self, events: Sequence[Event]) -> bytes:
        """Returns chunks with the finish reasons that the upstream omitted."""
        out = self._placeholders.release()
        for event in events:
            if not isinstance(event, Finish):
                continue
            choice = self._open.get(event.choice)
            if choice is None or choice.finished:
                continue
            choice.finish(event.stop)
            word = finish_word(event.stop, False, choice.legacy)
            delta = choice.settle({}, cut=event.stop.reason == "length")
            made = {"index": event.choice, "delta": delta, "finish_reason": word}
            out += encode(dumps({**_head(self._asked), **self._head, "choices": [made]}))
        return out


def _head(asked: Asked) -> JsonObject:
    """The members that every chunk must have, as the router makes them up."""
    return {
        "id": f"chatcmpl-{asked.id}",
        "object": CHUNK,
        "created": asked.created,
        "model": asked.model,
    }


class _ChoiceMender:
    """Repairs the chunks of one choice."""

    def __init__(self, index: int, calls: CallMender) -> None:
        self._index = index
        self._begun = False
        self.spoke = False
        """Whether the reader read any event of the choice."""
        self._stop: Stop | None = None
        """The latest stop reason that the client saw."""
        self.calls = calls
        self.function = FunctionMender()

    @property
    def finished(self) -> bool:
        """Whether the client saw a stop reason."""
        return self._stop is not None

    @property
    def legacy(self) -> bool:
        """Whether the choice calls a function by the deprecated member."""
        return self.function.called

    def finish(self, stop: Stop) -> None:
        """Notes the stop reason that is supplied."""
        self._stop = stop

    def settle(self, delta: JsonObject, cut: bool) -> JsonObject:
        """Returns the last delta with the arguments that were held back."""
        if settled := self.calls.settled(cut):
            delta = {**delta, "tool_calls": [*(delta.get("tool_calls") or ()), *settled]}
        return self.function.settle(delta, cut) if self.legacy else delta

    def mend(self, raw: JsonObject) -> JsonObject | None:
        """Returns a choice of a chunk in repaired form.

        Returns `raw` itself if it is valid, and None if it adds nothing.
        """
        delta = raw.get("delta")
        made = delta_of(raw, self.spoke)
        if made.get("tool_calls"):
            made = self.calls.mend(made)
        if made.get("function_call"):
            made = self.function.mend(made)
        finish = raw.get("finish_reason")
        stop = read_stop(raw, self.legacy or bool(self.calls)) if text_of(finish) else None
        # The reader takes the last of several reasons, as clients do.
        ends = stop is not None and (self._stop is None or stop.reason != self._stop.reason)
        if ends and not self.finished:
            made = self.settle(made, cut=finish == "length")
        says = any(map(_says, made.values())) or any(
            _says(value) for key, value in raw.items() if key not in _NULLABLE and key != "message"
        )
        if not says and not ends:
            return None
        self._stop = stop if ends else self._stop
        if not self._begun:
            self._begun = True
            if not made.get("role"):
                made = {"role": "assistant", **{k: v for k, v in made.items() if k != "role"}}
        wrong: JsonObject = {}
        if whole_of(raw.get("index")) is None:
            wrong["index"] = self._index
        if made is not delta:
            wrong["delta"] = made
        if finish is not None and not text_of(finish):
            wrong["finish_reason"] = None
        return {**raw, **wrong} if wrong else raw


def _says(value: Any) -> bool:
    """Whether a member holds anything at all."""
    if isinstance(value, dict):
        return any(map(_says, value.values()))
    return value is not None and value not in ("", [])
