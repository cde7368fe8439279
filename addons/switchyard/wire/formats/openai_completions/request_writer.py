"""Writes request bodies (OpenAI's reference, "Create completion (legacy)")."""

from collections.abc import Iterable
from collections.abc import Iterator

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_completions.losses import MOST_STOPS
from switchyard.wire.formats.openai_completions.names import NAME
from switchyard.wire.formats.openai_completions.names import PLAIN
from switchyard.wire.formats.openai_completions.names import own
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.instructed import instruction
from switchyard.wire.shared.media import document_text

_SPEAKERS = {"system": "", "developer": "", "user": "User: ", "assistant": "Assistant: "}


def write_request(c: Conversation) -> JsonObject:
    """Returns the request body for a conversation.

    Several turns become a transcript that the model continues.
    """
    home = c.format == NAME
    forms = c.form.split() if home else ()
    body: JsonObject = {"model": c.model}
    left = dict(own(c.extra)) if home else {}
    if "several" in forms:
        body["prompt"] = left.pop("prompts")
    elif "none" not in forms:
        prompt = transcript(c.turns if home else (*_instructions(c), *c.turns))
        body["prompt"] = [prompt] if "list" in forms else prompt
    for member, (field, _) in PLAIN.items():
        if (value := getattr(c, field)) is not None:
            body[member] = value
    if c.stop:
        body["stop"] = c.stop[0] if "one-stop" in forms else list(c.stops_for(NAME, MOST_STOPS))
    if c.stream and not home:
        body["stream_options"] = {"include_usage": True}
    return body | left


def _instructions(c: Conversation) -> Iterator[Turn]:
    if c.output is not None and c.output.kind != "text":
        yield Turn(role="system", parts=(Text(text=instruction(c.output.schema)),))


def transcript(turns: Iterable[Turn]) -> str:
    """Returns the text of a conversation.

    A single question stays unchanged. In a longer conversation each turn begins with its speaker's
    name, and the text ends with the assistant's name unless the assistant spoke last.
    """
    said = [(turn.role, text) for turn in turns if (text := "".join(_words(turn.parts)))]
    if len(said) == 1 and said[0][0] == "user":
        return said[0][1]
    lines = [f"{_SPEAKERS[role]}{text}" for role, text in said]
    if said and said[-1][0] != "assistant":
        lines.append("Assistant:")
    return "\n\n".join(lines)


def _words(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text=text) | Refusal(text=text) | Opaque(text=str(text)):
                yield text
            case Media(text=str()):
                yield document_text(part)
            case ToolResult():
                yield from _words(part.parts)
