"""Writes a reply as a stream: chunks with `text`, then `[DONE]`.

Source: OpenAI's reference, "Create completion (legacy)", `stream`.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat.errors import write_error
from switchyard.wire.formats.openai_chat.stream_reader import DONE
from switchyard.wire.formats.openai_chat.usage import write_usage
from switchyard.wire.formats.openai_completions.names import NAME
from switchyard.wire.formats.openai_completions.names import OBJECT
from switchyard.wire.formats.openai_completions.names import echoed
from switchyard.wire.formats.openai_completions.names import own
from switchyard.wire.formats.openai_completions.names import stop_said
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import merge_usage
from switchyard.wire.shared.response_ids import answer_id

DONE_FRAME = encode(DONE)


class CompletionsWriter:
    """Writes one stream; see `format.StreamWriter`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._ours = False
        self._ended = False
        self._usage: Usage | None = None
        self._begun: set[int] = set()
        self._open: set[tuple[int, int]] = set()
        """Parts whose text is sent, as (choice, part)."""
        self._finished: set[int] = set()
        self._name(Start())

    def feed(self, event: Event) -> bytes:
        """Returns the bytes of one event."""
        if self._ended:
            return b""
        match event:
            case Start():
                self._ours = event.format == NAME
                self._name(event)
            case PartStart(part=Text() | Refusal() as part):
                self._open.add((event.choice, event.index))
                return self._words(event.choice, part.text)
            case TextDelta() if (event.choice, event.index) in self._open:
                return self._words(event.choice, event.text)
            case Extra() if said := own(event.fields):
                return self._chunk(event.choice, "", said)
            case Finish():
                self._finished.add(event.choice)
                told = stop_said(event.stop, self._ours)
                echo = self._echo(event.choice)
                return self._chunk(event.choice, echo, told)
            case UsageUpdate():
                self._usage = merge_usage(self._usage, event.usage)
            case Failure():
                self._ended = True
                return encode(dumps(write_error(event.error)[1])) + DONE_FRAME
            case End():
                return self.close()
        return b""

    def close(self) -> bytes:
        """Returns the end: a reason for every choice, the usage if requested, `[DONE]`."""
        if self._ended:
            return b""
        reasons = [
            self._chunk(choice, "", {"finish_reason": "stop"})
            for choice in sorted(self._begun - self._finished)
        ]
        self._ended = True
        usage = b""
        if self._asked.include_usage and self._usage is not None:
            told = {**self._head, "choices": [], "usage": write_usage(self._usage)}
            usage = encode(dumps(told))
        return b"".join([*reasons, usage, DONE_FRAME])

    def _name(self, start: Start) -> None:
        self._head: JsonObject = {
            "id": answer_id(start.id, "cmpl-", self._asked, self._ours),
            "object": OBJECT,
            "created": start.created if start.created is not None else self._asked.created,
            "model": start.model or self._asked.model,
            **own(start.extra),
        }

    def _words(self, choice: int, text: str) -> bytes:
        if not text:
            return b""
        return self._chunk(choice, self._echo(choice) + text, {})

    def _echo(self, choice: int) -> str:
        """Returns the prompt if the choice must begin with it and begins now."""
        if self._ours or choice in self._begun:
            return ""
        self._begun.add(choice)
        return echoed(self._asked)

    def _chunk(self, choice: int, text: str, said: JsonObject) -> bytes:
        self._begun.add(choice)
        told = {"text": text, "index": choice, "logprobs": None, "finish_reason": None, **said}
        return encode(dumps({**self._head, "choices": [told]}))
