"""A request body, read and written. OpenAI's reference, "Create completion (legacy)"."""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from addons.wire.conversation import Conversation
from addons.wire.conversation import Media
from addons.wire.conversation import Opaque
from addons.wire.conversation import Part
from addons.wire.conversation import Refusal
from addons.wire.conversation import Text
from addons.wire.conversation import ToolResult
from addons.wire.conversation import Turn
from addons.wire.errors import BadRequest
from addons.wire.instructed import instruction
from addons.wire.jsonio import JsonObject
from addons.wire.members import object_of
from addons.wire.openai_completions.names import NAME
from addons.wire.openai_completions.names import own
from addons.wire.openai_completions.names import owned

_PLAIN: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "max_tokens": ("max_tokens", int),
    "temperature": ("temperature", (int, float)),
    "top_p": ("top_p", (int, float)),
    "presence_penalty": ("presence_penalty", (int, float)),
    "frequency_penalty": ("frequency_penalty", (int, float)),
    "seed": ("seed", int),
    "n": ("candidates", int),
    "logit_bias": ("logit_bias", dict),
    "user": ("user", str),
    "stream": ("stream", bool),
}
"""Members that mean the same as a field of `Conversation`, and their types. What is of another
type stays in `extra`, for the provider to judge."""

_SPEAKERS = {"system": "", "developer": "", "user": "User: ", "assistant": "Assistant: "}


def read_request(body: JsonObject) -> Conversation:
    """The prompt as what the user says. Of several prompts the first that is not empty is read:
    no other format answers several at once. Raises BadRequest, also on a prompt of tokens, which
    only a provider of this format with the same tokenizer can read."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model is missing: say which model shall answer", "model")
    prompts, form = _prompts(body.get("prompt"))
    prompt = next((text for text in prompts if text), "")
    used = {"model"} if form == "none" else {"model", "prompt"}
    values: dict[str, Any] = {}
    for member, (field, kind) in _PLAIN.items():
        value = body.get(member)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            values[field] = value
            used.add(member)
    stop, words = _read_stop(body)
    if stop:
        used.add("stop")
        values["stop"] = stop
    usage = object_of(body.get("stream_options")).get("include_usage")
    left = {key: value for key, value in body.items() if key not in used}
    if form == "several":
        left["prompts"] = prompts
    return Conversation(
        format=NAME,
        model=model,
        turns=(Turn(role="user", parts=(Text(text=prompt),)),),
        include_usage=usage if isinstance(usage, bool) else None,
        extra=owned(left),
        form=f"{form} {words}".strip(),
        **values,
    )


def write_request(c: Conversation) -> JsonObject:
    """A request body; a conversation of several turns becomes a transcript that the model is to
    continue."""
    home = c.format == NAME
    forms = c.form.split() if home else ()
    body: JsonObject = {"model": c.model}
    left = dict(own(c.extra)) if home else {}
    if "several" in forms:
        body["prompt"] = left.pop("prompts")
    elif "none" not in forms:
        prompt = transcript(c.turns if home else (*_instructions(c), *c.turns))
        body["prompt"] = [prompt] if "list" in forms else prompt
    for member, (field, _) in _PLAIN.items():
        if (value := getattr(c, field)) is not None:
            body[member] = value
    if c.stop:
        body["stop"] = c.stop[0] if "one-stop" in forms else list(c.stops_for(NAME))
    if c.stream and not home:
        body["stream_options"] = {"include_usage": True}
    return body | left


def _instructions(c: Conversation) -> Iterator[Turn]:
    if c.output is not None and c.output.kind != "text":
        yield Turn(role="system", parts=(Text(text=instruction(c.output.schema)),))


def transcript(turns: Iterable[Turn]) -> str:
    """The words of a conversation as one text. A single question is left as it is; of more, the
    speakers are named, and the assistant's is the next word unless it spoke last."""
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
            case Media(text=str(text)):
                yield text
            case ToolResult():
                yield from _words(part.parts)


def _prompts(given: Any) -> tuple[list[str], str]:
    """The prompts, and how they were spelled: `text`, `list` (of one), `several` or `none`."""
    if given is None:  # the API's default is the end-of-text token: a fresh document
        return [], "none"
    if isinstance(given, str):
        return [given], "text"
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        return given, "list" if len(given) == 1 else "several"
    if isinstance(given, list) and given:
        raise BadRequest(
            "this model is served by a provider of another format, which takes a prompt as text "
            "only: send 'prompt' as a string, not as tokens",
            "prompt",
        )
    raise BadRequest("prompt must be a string or a list of strings", "prompt")


def _read_stop(body: JsonObject) -> tuple[tuple[str, ...], str]:
    stop = body.get("stop")
    if isinstance(stop, str) and stop:
        return (stop,), "one-stop"
    if isinstance(stop, list) and stop and all(isinstance(one, str) for one in stop):
        return tuple(stop), ""
    return (), ""
