"""Repairs a stream that passes through to a client of its own format.

Chunks keep their bytes unless they are faulty: the mender supplies a missing index, text or finish
reason, and sends `[DONE]` exactly once. It rewrites a stream whose payloads are bare words.
"""

from collections.abc import Sequence

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat.errors import write_error
from switchyard.wire.formats.openai_chat.stream_reader import DONE
from switchyard.wire.formats.openai_chat.stream_reader import payloads
from switchyard.wire.formats.openai_chat.usage import is_usage_chunk
from switchyard.wire.formats.openai_completions.names import OBJECT
from switchyard.wire.formats.openai_completions.reply import choice_text
from switchyard.wire.formats.openai_completions.stream_writer import DONE_FRAME
from switchyard.wire.formats.openai_completions.stream_writer import CompletionsWriter
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event


class CompletionsMender:
    """Repairs one stream; see `format.Mender`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._ended = False
        self._head: JsonObject = {}
        """Members that every chunk repeats, for chunks that the mender makes."""
        self._open: dict[int, bool] = {}
        """The choices that have started, and whether they stated a finish reason."""
        self._writer: CompletionsWriter | None = None

    def feed(self, frame: Frame, events: Sequence[Event]) -> bytes:
        """Returns the bytes for one frame, which the reader read as `events`."""
        out: list[bytes] = []
        found = payloads(frame.data)
        for payload in found:
            if self._ended:
                break
            if payload is DONE:
                out.append(self._finish())
            elif self._asked.hides_usage and is_usage_chunk(payload):
                continue
            elif payload.get("error") and not payload.get("choices"):
                out += [encode(dumps(payload)), DONE_FRAME]
                self._ended = True
            elif isinstance(payload.get("choices"), list):
                mended = self._chunk(payload)
                same = mended is payload and frame.raw and len(found) == 1
                out.append(frame.raw if same else encode(dumps(mended)))
            elif isinstance(payload.get("value"), str):
                self._writer = self._writer or CompletionsWriter(self._asked)
                return b"".join(map(self._writer.feed, events))
        return b"".join(out)

    def close(self, events: Sequence[Event]) -> bytes:
        """Returns the missing end of the stream if the reader found the answer complete."""
        if self._ended or not any(isinstance(event, End) for event in events):
            return b""
        if self._writer is not None:
            self._ended = True
            return b"".join([*map(self._writer.feed, events), self._writer.close()])
        return self._finish()

    def fail(self, error: ApiError) -> bytes:
        """Returns the chunk that reports an error, and ends the stream."""
        if self._ended:
            return b""
        self._ended = True
        return encode(dumps(write_error(error)[1])) + DONE_FRAME

    def _chunk(self, chunk: JsonObject) -> JsonObject:
        self._head = self._head or {
            "id": chunk.get("id") or f"cmpl-{self._asked.id}",
            "object": OBJECT,
            "created": chunk.get("created") or self._asked.created,
            "model": chunk.get("model") or self._asked.model,
        }
        choices = chunk["choices"]
        mended = [
            self._choice(number, raw) for number, raw in enumerate(choices) if isinstance(raw, dict)
        ]
        whole = are_same(mended, choices)
        missing = {key: value for key, value in self._head.items() if not chunk.get(key)}
        if whole and not missing:
            return chunk
        return {**chunk, **missing, "choices": mended}

    def _choice(self, number: int, raw: JsonObject) -> JsonObject:
        index = int_of(raw.get("index"))
        index = number if index is None else index
        self._open[index] = self._open.get(index, False) or bool(raw.get("finish_reason"))
        missing: JsonObject = {}
        if raw.get("index") != index:
            missing["index"] = index
        if not isinstance(raw.get("text"), str):
            missing["text"] = choice_text(raw)
        return {**raw, **missing} if missing else raw

    def _finish(self) -> bytes:
        """Returns a finish reason for every choice that lacks one, and `[DONE]`."""
        self._ended = True
        reasons = [
            {"text": "", "index": index, "logprobs": None, "finish_reason": "stop"}
            for index, ended in sorted(self._open.items())
            if not ended
        ]
        made = [encode(dumps({**self._head, "choices": [reason]})) for reason in reasons]
        return b"".join([*made, DONE_FRAME])
