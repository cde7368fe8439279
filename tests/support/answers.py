"""Good answers, and the pieces that bad ones are put together from, in each upstream format.

Shapes after OpenAI's "Chat completions" and "Streaming events" reference, and Anthropic's
"Messages" and "Streaming messages".
"""

import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal
from typing import Protocol

from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole

if TYPE_CHECKING:
    from tests.support.upstream import Recorded

type ClientFormat = Literal["openai-chat", "anthropic"]
"""The formats that clients and upstreams of the tests speak."""

GOOD = "Good-Answer-7f3a"
"""Stands in every text of a good answer, and nowhere else."""

BAD = "Bad-Attempt-c0de"
"""Stands in whatever a failing attempt sends that is no error message: a client that sees it saw
part of an attempt that failed."""

PARTIAL = "Partial-Output-51d0"
"""Stands in the output of an answer that breaks off after it began."""


UNKNOWN_EVENT = "unheard_of_event"
"""An event of Anthropic's format that nobody knows yet: it may pass, or be left out."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; the arguments are JSON."""

    id: str
    name: str
    arguments: str

    @property
    def input(self) -> Any:
        return json.loads(self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model says."""

    text: str = f"All is well, says {GOOD}."
    thinking: str = ""
    signature: str = "c2lnbmF0dXJl"
    thinks: bool = False
    """Whether the model thought, though perhaps none of it is shown: then there is a proof."""
    calls: tuple[Call, ...] = ()
    stop: str = ""
    """In the format's own word; what fits the answer where empty."""
    input: int = 21
    """Tokens of the whole prompt, `cached` included."""
    cached: int = 8
    output: int = 13
    model: str = "served-model-1"

    def with_calls(self, *calls: Call) -> "Answer":
        return replace(self, calls=calls)


class Dialect(Protocol):
    """One upstream format."""

    @property
    def name(self) -> ClientFormat: ...

    @property
    def path(self) -> str: ...

    def whole(self, answer: Answer) -> bytes:
        """The answer as one JSON body."""
        ...

    def opening(self, answer: Answer) -> list[bytes]:
        """The events before any output."""
        ...

    def begin_text(self) -> list[bytes]:
        """What announces text, if anything does."""
        ...

    def text(self, text: str) -> bytes: ...

    def closing(self, answer: Answer) -> list[bytes]:
        """The events after the text: its end, stop reason, usage and the terminal event."""
        ...

    def events(self, answer: Answer) -> list[bytes]:
        """The answer as a stream."""
        ...

    def error(self, kind: str, message: str, **more: object) -> dict[str, object]:
        """The body of an error."""
        ...

    def error_event(self, kind: str, message: str) -> bytes:
        """An error inside a stream."""
        ...


def words(text: str) -> list[str]:
    """A text in pieces, as a model streams it."""
    first, *more = text.split(" ")
    return [first, *(f" {word}" for word in more)]


def data(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def event(name: str, value: object) -> bytes:
    return f"event: {name}\n".encode() + data(value)


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


class Chat:
    """OpenAI Chat completions."""

    name: ClientFormat = "openai-chat"
    path = "/v1/chat/completions"

    def whole(self, answer: Answer) -> bytes:
        message: dict[str, object] = {"role": "assistant", "content": answer.text or None}
        if answer.thinking:
            message["reasoning_content"] = answer.thinking
        if answer.calls:
            message["tool_calls"] = [
                {"id": c.id, "type": "function", "function": _function(c)} for c in answer.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._stop(answer)}
        body = {
            "id": "chatcmpl-up1",
            "object": "chat.completion",
            "created": 1790000000,
            "model": answer.model,
            "choices": [choice],
            "usage": self._usage(answer),
        }
        return json.dumps(body).encode()

    def opening(self, answer: Answer) -> list[bytes]:
        return [self._chunk(answer, {"role": "assistant", "content": ""})]

    def begin_text(self) -> list[bytes]:
        return []

    def text(self, text: str) -> bytes:
        return self._chunk(Answer(), {"content": text})

    def closing(self, answer: Answer) -> list[bytes]:
        usage = self._whole_chunk(answer, [], usage=self._usage(answer))
        return [self._chunk(answer, {}, self._stop(answer)), usage, b"data: [DONE]\n\n"]

    def events(self, answer: Answer) -> list[bytes]:
        out = self.opening(answer)
        for word in words(answer.thinking) if answer.thinking else ():
            out.append(self._chunk(answer, {"reasoning_content": word}))
        for word in words(answer.text) if answer.text else ():
            out.append(self._chunk(answer, {"content": word}))
        for index, call in enumerate(answer.calls):
            head = {"index": index, "id": call.id, "type": "function"}
            named = {**head, "function": {"name": call.name, "arguments": ""}}
            out.append(self._chunk(answer, {"tool_calls": [named]}))
            for piece in halves(call.arguments):
                part = {"index": index, "function": {"arguments": piece}}
                out.append(self._chunk(answer, {"tool_calls": [part]}))
        return [*out, *self.closing(answer)]

    def error(self, kind: str, message: str, **more: object) -> dict[str, object]:
        error: dict[str, object] = {"message": message, "type": kind, "param": None, "code": None}
        return {"error": {**error, **more}}

    def error_event(self, kind: str, message: str) -> bytes:
        return data(self.error(kind, message))

    def _chunk(self, answer: Answer, delta: object, finish: str | None = None) -> bytes:
        return self._whole_chunk(answer, [{"index": 0, "delta": delta, "finish_reason": finish}])

    def _whole_chunk(self, answer: Answer, choices: object, **more: object) -> bytes:
        chunk = {
            "id": "chatcmpl-up1",
            "object": "chat.completion.chunk",
            "created": 1790000000,
            "model": answer.model,
            "choices": choices,
        }
        return data({**chunk, **more})

    def _stop(self, answer: Answer) -> str:
        return answer.stop or ("tool_calls" if answer.calls else "stop")

    def _usage(self, answer: Answer) -> dict[str, object]:
        return {
            "prompt_tokens": answer.input,
            "completion_tokens": answer.output,
            "total_tokens": answer.input + answer.output,
            "prompt_tokens_details": {"cached_tokens": answer.cached},
        }


class Anthropic:
    """Anthropic Messages."""

    name: ClientFormat = "anthropic"
    path = "/v1/messages"

    def whole(self, answer: Answer) -> bytes:
        body = self._message(answer)
        body["content"] = list(self._blocks(answer))
        body["stop_reason"] = self._stop(answer)
        body["usage"] = {**self._input_usage(answer), "output_tokens": answer.output}
        return json.dumps(body).encode()

    def opening(self, answer: Answer) -> list[bytes]:
        message = self._message(answer)
        message["usage"] = {**self._input_usage(answer), "output_tokens": 1}
        return [
            event("message_start", {"type": "message_start", "message": message}),
            event("ping", {"type": "ping"}),
        ]

    def begin_text(self) -> list[bytes]:
        return [self._start(0, {"type": "text", "text": ""})]

    def text(self, text: str) -> bytes:
        return self._delta(0, {"type": "text_delta", "text": text})

    def closing(self, answer: Answer) -> list[bytes]:
        return [self._end(0), *self._closing(answer)]

    def events(self, answer: Answer) -> list[bytes]:
        out = self.opening(answer)
        for index, block in enumerate(self._blocks(answer)):
            out += self._block(index, block)
        return [*out, *self._closing(answer)]

    def error(self, kind: str, message: str, **more: object) -> dict[str, object]:
        return {"type": "error", "error": {"type": kind, "message": message, **more}}

    def error_event(self, kind: str, message: str) -> bytes:
        return event("error", self.error(kind, message))

    def _closing(self, answer: Answer) -> list[bytes]:
        delta = {"stop_reason": self._stop(answer), "stop_sequence": None}
        usage = {"output_tokens": answer.output}
        return [
            event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage}),
            event("message_stop", {"type": "message_stop"}),
        ]

    def _block(self, index: int, block: dict[str, Any]) -> Iterable[bytes]:
        match block["type"]:
            case "thinking":
                yield self._start(index, {**block, "thinking": "", "signature": ""})
                for word in words(block["thinking"]):
                    yield self._delta(index, {"type": "thinking_delta", "thinking": word})
                signed = {"type": "signature_delta", "signature": block["signature"]}
                yield self._delta(index, signed)
            case "text":
                yield self._start(index, {"type": "text", "text": ""})
                for word in words(block["text"]):
                    yield self._delta(index, {"type": "text_delta", "text": word})
            case _:
                yield self._start(index, {**block, "input": {}})
                for piece in halves(json.dumps(block["input"])):
                    part = {"type": "input_json_delta", "partial_json": piece}
                    yield self._delta(index, part)
        yield self._end(index)

    def _blocks(self, answer: Answer) -> Iterable[dict[str, Any]]:
        if answer.thinking:
            signed = {"thinking": answer.thinking, "signature": answer.signature}
            yield {"type": "thinking", **signed}
        if answer.text:
            yield {"type": "text", "text": answer.text}
        for call in answer.calls:
            yield {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}

    def _message(self, answer: Answer) -> dict[str, Any]:
        return {
            "id": "msg_up1",
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _input_usage(self, answer: Answer) -> dict[str, object]:
        return {
            "input_tokens": answer.input - answer.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": answer.cached,
        }

    def _start(self, index: int, block: object) -> bytes:
        said = {"type": "content_block_start", "index": index, "content_block": block}
        return event("content_block_start", said)

    def _delta(self, index: int, delta: object) -> bytes:
        said = {"type": "content_block_delta", "index": index, "delta": delta}
        return event("content_block_delta", said)

    def _end(self, index: int) -> bytes:
        return event("content_block_stop", {"type": "content_block_stop", "index": index})

    def _stop(self, answer: Answer) -> str:
        return answer.stop or ("tool_use" if answer.calls else "end_turn")


def _function(call: Call) -> dict[str, str]:
    return {"name": call.name, "arguments": call.arguments}


CHAT = Chat()
ANTHROPIC = Anthropic()
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (CHAT, ANTHROPIC)}


def saying(dialect: Dialect, answer: Answer = Answer()) -> "Callable[[Recorded], Behaviour]":
    """Answers well, streamed or not as the request asks."""

    def react(request: "Recorded") -> Behaviour:
        if request.streams:
            return chunked(*dialect.events(answer))
        return whole(dialect.whole(answer))

    return react


def refusing(
    dialect: Dialect,
    status: int,
    kind: str = "server_error",
    message: str = "refused by the upstream",
    headers: Sequence[tuple[str, str]] = (),
    **more: object,
) -> Behaviour:
    """An error answer."""
    body = json.dumps(dialect.error(kind, message, **more)).encode()
    return whole(body, status, headers=tuple(headers))
