"""Reads and writes whole responses.

Source: OpenAI's reference, "The chat completion object".
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.format import Asked
from switchyard.wire.format import Glance
from switchyard.wire.formats.openai_chat.content import PART_FORM
from switchyard.wire.formats.openai_chat.content import write_part
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.names import own
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.parts import annotations_of
from switchyard.wire.formats.openai_chat.parts import listed_sources
from switchyard.wire.formats.openai_chat.parts import read_answer_content
from switchyard.wire.formats.openai_chat.parts import read_audio
from switchyard.wire.formats.openai_chat.parts import read_images
from switchyard.wire.formats.openai_chat.parts import write_audio
from switchyard.wire.formats.openai_chat.parts import write_citation
from switchyard.wire.formats.openai_chat.reasoning import in_dialect
from switchyard.wire.formats.openai_chat.reasoning import read_reasoning
from switchyard.wire.formats.openai_chat.reasoning import signed_message
from switchyard.wire.formats.openai_chat.reasoning import write_reasoning
from switchyard.wire.formats.openai_chat.stops import broken_word
from switchyard.wire.formats.openai_chat.stops import finish_word
from switchyard.wire.formats.openai_chat.stops import read_stop
from switchyard.wire.formats.openai_chat.stops import stop_members
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.formats.openai_chat.tools import answer_seed
from switchyard.wire.formats.openai_chat.tools import as_custom
from switchyard.wire.formats.openai_chat.tools import choice_seed
from switchyard.wire.formats.openai_chat.tools import custom_names
from switchyard.wire.formats.openai_chat.tools import gemini_signature
from switchyard.wire.formats.openai_chat.tools import is_legacy
from switchyard.wire.formats.openai_chat.tools import read_calls
from switchyard.wire.formats.openai_chat.tools import read_legacy_call
from switchyard.wire.formats.openai_chat.tools import write_call
from switchyard.wire.formats.openai_chat.usage import read_usage
from switchyard.wire.formats.openai_chat.usage import write_usage
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import read_tokens
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.response_ids import answer_id

OBJECT = "chat.completion"

_TOP = frozenset({"id", "object", "created", "model", "choices", "usage"})
_CHOICE = frozenset({"index", "message", "finish_reason", "text"})


def read_reply(body: JsonObject) -> Reply:
    """Returns the reply that a response body holds. Raises BadReply."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise BadReply("the response has no choices, so it is not a chat completion")
    extra = {k: v for k, v in body.items() if k not in _TOP or v is None}
    if body.get("object") != OBJECT:
        extra["object"] = body.get("object")
    seed = answer_seed(body)
    read = [_read_choice(c, i, body, seed) for i, c in enumerate(choices) if isinstance(c, dict)]
    return Reply(
        format=NAME,
        id=text_of(body.get("id")) or None,
        model=text_of(body.get("model")) or None,
        created=whole_of(body.get("created")),
        choices=tuple(read),
        usage=read_choices_usage(body, choices),
        extra={NAME: extra} if extra else EMPTY,
    )


def glance(body: JsonObject) -> Glance | None:
    """Reads stop reason and usage without the content; see `format.Format.glance`."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return None
    first = choices[0]
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict) or not text_of(message.get("content")):
        return None
    if any(isinstance(one, dict) and broken_word(one) for one in choices):
        return None
    if message.get("tool_calls"):
        return None  # arguments and ids of calls may have to change
    return (read_choices_usage(body, choices),)


def read_choices_usage(body: JsonObject, choices: list[Any]) -> Usage | None:
    """Returns the usage of a response with these choices; None if it states none."""
    tier = body.get("service_tier")
    usage = read_usage(body.get("usage"), tier)
    for choice in choices:
        if usage is None and isinstance(choice, dict):
            usage = read_usage(choice.get("usage"), tier)  # Moonshot
    return usage


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response body; lossless for a reply that this format's reader made."""
    written: JsonObject = {
        "id": answer_id(reply.id, "chatcmpl-", asked, reply.format == NAME),
        "object": OBJECT,
        "created": reply.created if reply.created is not None else asked.created,
        "model": reply.model or asked.model,
        "choices": [_write_choice(c, reply.format == NAME, asked) for c in reply.choices],
    }
    if reply.usage is not None:
        written["usage"] = write_usage(reply.usage)
    return written | own(reply.extra)


def _read_choice(raw: JsonObject, number: int, body: JsonObject, seed: str) -> Choice:
    message = raw.get("message")
    absent = [name for name in ("index", "message", "finish_reason") if name not in raw]
    if isinstance(message, dict):
        parts, left = _read_message(message, choice_seed(seed, number))
    else:
        text = text_of(raw.get("text"))  # the text of a legacy completion's choice
        parts, left = [Text(text=text)] if text else [], EMPTY
    if sources := listed_sources(body):
        parts = [_cite(part, sources) for part in parts]
    extra: JsonObject = {"choice": {k: v for k, v in raw.items() if k not in _CHOICE}}
    if left:
        extra["message"] = left
    if isinstance(message, dict):
        absent += [name for name in ("role", "content") if name not in message]
    if absent:
        extra["absent"] = absent
    calls = any(isinstance(part, ToolCall) for part in parts)
    said = raw.get("logprobs")
    tokens = read_tokens(said.get("content")) if isinstance(said, dict) else []
    index = whole_of(raw.get("index"))
    return Choice(
        index=number if index is None else index,
        parts=tuple(parts),
        stop=read_stop(raw, calls) or Stop(reason="tool_calls" if calls else "end"),
        extra={NAME: extra, **extra_of(tokens)},
    )


def _read_message(message: JsonObject, seed: str) -> tuple[list[Part], JsonObject]:
    """Returns a message's parts, in the order a model makes them, and other members."""
    thinking, unused = read_reasoning(message)
    parts: list[Part] = [*map(in_dialect, thinking)]
    used = {"role", "reasoning_details", OPAQUE, *REASONING_NAMES}
    content = message.get("content")
    if said := read_answer_content(content):
        citations = annotations_of(message.get("annotations"))
        at = next((i for i, part in enumerate(said) if isinstance(part, Text)), None)
        if citations and at is not None:
            used.add("annotations")
            said[at] = _cite(said[at], citations)
        parts += said
        used.add("content")
    if refusal := text_of(message.get("refusal")):
        parts.append(Refusal(text=refusal))
        used.add("refusal")
    if (audio := read_audio(message.get("audio"))) is not None:
        parts.append(audio)
        used.add("audio")
    if images := read_images(message.get("images")):
        parts += images
        used.add("images")
    calls = _read_calls(message, seed, used)
    left = {k: v for k, v in message.items() if k not in used}
    return [*parts, *_signed_message(message, calls), *calls], left | unused


def _read_calls(message: JsonObject, seed: str, used: set[str]) -> list[ToolCall]:
    calls: list[ToolCall] = []
    if isinstance(given := message.get("tool_calls"), list) and given:
        calls += read_calls(given, seed)
        used.add("tool_calls")
    legacy = read_legacy_call(message.get("function_call"), seed)
    said = {(call.name, call.arguments) for call in calls}
    if legacy is not None and (legacy.name, legacy.arguments) not in said:
        calls.append(legacy)
        used.add("function_call")
    signature = gemini_signature(message)
    if signature and calls and not calls[0].signature:
        # Google's compatible endpoint puts the proof of the first call on the message.
        calls[0] = altered(calls[0], signature=signature, signer="gemini")
    return calls


def _signed_message(message: JsonObject, calls: list[ToolCall]) -> list[Part]:
    signature = gemini_signature(message)
    return [signed_message(signature)] if signature and not calls else []


def _write_choice(choice: Choice, ours: bool, asked: Asked) -> JsonObject:
    """Returns one choice; `ours` is set if it was read from this format."""
    extra = own(choice.extra)
    absent = extra.get("absent", ())
    legacy = is_legacy(asked.conversation)
    custom = custom_names(asked.conversation)
    parts = [
        as_custom(p) if isinstance(p, ToolCall) and p.kind != "custom" and p.name in custom else p
        for p in choice.parts
    ]
    message = _write_message(parts, ours, legacy, extra.get("message", EMPTY))
    for name in absent:
        if name in message and not message[name]:
            del message[name]
    written: JsonObject = {
        "index": choice.index,
        "message": message,
        "finish_reason": finish_word(
            choice.stop, ours, legacy=LEGACY in message and "tool_calls" not in message
        ),
    }
    if not ours and (tokens := tokens_in(choice.extra)):
        written["logprobs"] = {"content": tokens, "refusal": None}
    if not ours or (choice.stop is not None and choice.stop.raw is None):
        written |= stop_members(choice.stop)
    return written | extra.get("choice", EMPTY)


def _write_message(parts: list[Part], ours: bool, legacy: bool, extra: JsonObject) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": None}
    content: list[Part] = []
    thinking: list[Thinking] = []
    for part in parts:
        match part:
            case Thinking() if not (ours and part.form == PART_FORM):
                thinking.append(part)
            case Refusal():
                message["refusal"] = message.get("refusal", "") + part.text
            case ToolCall():
                _add_call(message, part, ours, legacy)
            case Media(kind="audio"):
                message["audio"] = write_audio(part, ours)
            case Media():
                if (image := write_part(part, ours)) is not None:
                    message.setdefault("images", []).append(image)
            case Text() | Thinking():
                content.append(part)
            case Opaque(format="openai-chat"):
                content.append(part)
    said = _write_content(content, ours)
    if said or not (len(message) > 2 or "content" in extra):
        message["content"] = said
    message |= write_reasoning(thinking, ours)
    if annotations := _write_annotations(content, ours):
        message["annotations"] = annotations
    return message | extra


def _add_call(message: JsonObject, call: ToolCall, ours: bool, legacy: bool) -> None:
    """Adds a call to a message.

    A client that asked with `functions` receives the first call as `function_call`. It does not
    expect more than one, so that the others go into `tool_calls` rather than being lost.
    """
    if (legacy or (ours and call.form == LEGACY)) and LEGACY not in message:
        arguments = call.arguments if ours else settled(call.arguments)
        message[LEGACY] = {"name": call.name, "arguments": arguments}
        return
    message.setdefault("tool_calls", []).append(write_call(call, ours))


def _write_content(parts: list[Part], ours: bool) -> Any:
    if ours and any(not isinstance(p, Text) or p.form == PART_FORM for p in parts):
        written = [write_part(part, own=True) for part in parts]
        return [part for part in written if part is not None]
    return "".join(part.text for part in parts if isinstance(part, Text))


def _write_annotations(parts: list[Part], ours: bool) -> list[JsonObject]:
    written: list[JsonObject] = []
    at = 0
    for part in parts:
        if isinstance(part, Text):
            end = at + len(part.text)
            found = [write_citation(c, at, end) for c in part.citations]
            written += [annotation for annotation in found if annotation is not None]
            at = end
    return written


def _cite(part: Part, citations: tuple[Citation, ...]) -> Part:
    if not isinstance(part, Text):
        return part
    return Text(text=part.text, citations=(*part.citations, *citations), form=part.form)
