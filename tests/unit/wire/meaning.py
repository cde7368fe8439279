"""What a conversation or reply means, apart from how a format spells it: plain values to compare.

Used by the laws "there and back" and "stream = whole". What the tables in `losses` say a format
cannot express is left out on both sides (`without`, see `laws`).

Spellings that formats have to differ in are made equal here, once and for all pairs:
- media in a tool result count as following the results, since some APIs take words alone there;
- white space counts for nothing in words, since several texts become one where an API takes one;
- a plain-text document counts as text;
- a custom tool counts as the function of one text that stands for it;
- call ids in a request count by which result answers which call;
- a refusal in the history counts as text, as does a block that can at least be read;
- a result of a call that is not in the request counts as text;
- a choice among some of the tools counts as offering only these;
- parameters count as they are written for the APIs that are strict about them;
- a later instruction that is marked as such among the user's words counts as the system's.
"""

import json
import re
from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.custom_tools import wrap_input
from switchyard.wire.shared.parameters import parameters
from switchyard.wire.shared.tool_names import Names

_SAME_STOP = {
    "content_filter": "refusal",
    "context_window": "length",
    "stop_sequence": "end",
    "pause": "end",
    "other": "end",
    "refusal": "end",
    "tool_calls": "end",
    "error": "end",
}
"""What a stop reason is told as by a format that has no word for it."""


_REMINDER = re.compile(r"<system-reminder>\n(.*?)\n</system-reminder>", re.DOTALL)


def request_meaning(c: Conversation, without: Collection[str] = ()) -> JsonObject:
    """Plain values that any two spellings of the same request share."""
    output = c.output
    said: JsonObject = {
        "system": _bare("".join(_system(c))),
        "turns": [(role, _bare(parts)) for role, parts in _turns(c, without)],
        "tools": {_flat(c, t.name, t.namespace): _tool(t) for t in _offered(c)},
        "tool_choice": _choice(c),
        "parallel_tools": c.parallel_tools is not False or not c.tools,
        "max_tokens": c.max_tokens,
        "temperature": c.temperature,
        "top_p": c.top_p,
        "top_k": c.top_k,
        "seed": c.seed,
        "presence_penalty": c.presence_penalty or None,
        "frequency_penalty": c.frequency_penalty or None,
        "logit_bias": c.logit_bias or None,
        "candidates": c.candidates if c.candidates != 1 else None,
        "stop": c.stop,
        "output": (output.kind, _open(output.schema)) if output and output.kind != "text" else None,
    }
    return {key: value for key, value in said.items() if key not in without}


def reply_meaning(reply: Reply, without: Collection[str] = ()) -> JsonObject:
    """Plain values that any two spellings of the same answer share."""
    parts = reply.choice.parts
    usage = reply.usage
    told_apart = "refusals-as-text" not in without
    words = [p for p in parts if isinstance(p, Text) or (isinstance(p, Refusal) and not told_apart)]
    said: JsonObject = {
        "text": "".join(p.text for p in words),
        "refusal": "".join(p.text for p in parts if isinstance(p, Refusal)) if told_apart else "",
        "thinking": "".join(p.text for p in parts if isinstance(p, Thinking)),
        "calls": [_part(p) for p in parts if isinstance(p, ToolCall)],
        "media": [
            _part(p, without)
            for p in parts
            if isinstance(p, Media) and f"{p.kind}-output" not in without
        ],
        "citations": [
            (citation.url, citation.title)
            for p in parts
            if isinstance(p, Text)
            for citation in p.citations
            if citation.url
        ],
        "stop": _stop(reply.choice, without),
        "sequence": reply.choice.stop.sequence if reply.choice.stop else None,
        "usage": (
            usage.input or 0,
            usage.output,
            (usage.cache_read or 0) if "cache_read" not in without else 0,
        )
        if usage
        else None,
        "reasoning_tokens": (usage.reasoning or 0) if usage else None,
    }
    return {key: value for key, value in said.items() if key not in without}


def _stop(choice: Choice, without: Collection[str]) -> str | None:
    """The stop reason, in the words of a format that does not tell all of them apart."""
    reason = choice.stop.reason if choice.stop else None
    while reason in without and reason in _SAME_STOP:
        reason = _SAME_STOP[reason]
    return reason


def _open(schema: Any) -> Any:
    """A schema without `additionalProperties: false`, which some APIs demand of every object, and
    with `anyOf` for `oneOf`, which few know."""
    if isinstance(schema, list):
        return [_open(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        "anyOf" if key == "oneOf" else key: _open(value)
        for key, value in schema.items()
        if not (key == "additionalProperties" and value is False)
    }


def _system(c: Conversation) -> list[str]:
    """What is said as the system, or marked as an instruction among the user's words."""
    said: list[str] = []
    for turn in c.turns:
        words = [part.text for part in turn.parts if isinstance(part, Text)]
        if turn.role in ("system", "developer"):
            said += words
        elif turn.role == "user":
            said += _REMINDER.findall("\n".join(words))
    return said


def _turns(c: Conversation, without: Collection[str]) -> list[tuple[str, list[Any]]]:
    """Neighbouring turns of one role run together, as formats that alternate write them."""
    turns: list[tuple[str, list[Any]]] = []
    numbers = _Numbers()
    for role, group in groupby(_spoken(c), key=lambda turn: turn.role):
        results: list[Any] = []
        others: list[Any] = []
        for part in (p for turn in group for p in turn.parts if _kept(p, without, role)):
            if isinstance(part, ToolResult):
                results.append(_result(part, numbers, without))
                media = [p for p in part.parts if _is_media(p) and _kept(p, without, role)]
                others += [_part(p, without) for p in media]
            elif isinstance(part, ToolCall):
                others.append(_call(c, part, numbers))
            else:
                others.append(_part(part, without))
        joined = _join([*results, *(part for part in others if part is not None)])
        if not turns and joined == [("text", " ")]:
            continue  # what Gemini wants before a call that nobody asked for
        if joined and turns and turns[-1][0] == role:
            turns[-1] = (role, _join([*turns[-1][1], *joined]))
        elif joined:
            turns.append((role, joined))
    return turns


class _Numbers:
    """Call ids as the order of the calls: what matters is which call a result answers."""

    def __init__(self) -> None:
        self._of_id: dict[str, int] = {}
        self._count = 0

    def call(self, call_id: str) -> int:
        self._count += 1
        self._of_id[call_id] = self._count
        return self._count

    def result(self, call_id: str) -> int | str:
        return self._of_id.get(call_id, call_id)


def _spoken(c: Conversation) -> Iterator[Turn]:
    for turn in c.turns:
        if turn.role == "user":
            yield replace(turn, parts=tuple(map(_without_reminders, turn.parts)))
        elif turn.role == "assistant":
            yield turn


def _without_reminders(part: Part) -> Part:
    if not isinstance(part, Text) or "<system-reminder>" not in part.text:
        return part
    return replace(part, text=_REMINDER.sub("", part.text))


def _is_media(part: Part) -> bool:
    return isinstance(part, Media) and part.text is None


def _kept(part: Part, without: Collection[str], role: str) -> bool:
    match part:
        case Media(text=None, kind=kind, url=url, file_id=file_id):
            said = {f"{kind}-input", url and f"{kind}-url", file_id and f"{kind}-file-id"}
            return not (said | ({"assistant-media"} if role == "assistant" else set())) & set(
                without
            )
    return True


def _result(result: ToolResult, numbers: _Numbers, without: Collection[str]) -> Any:
    if "tool-result-parts" in without:
        text = [("text", result.text)] if result.text else []
        return ("result", numbers.result(result.call_id), text)
    words = [_part(part) for part in result.parts if not _is_media(part)]
    said = _join([word for word in words if word is not None])
    number = numbers.result(result.call_id)
    if isinstance(number, str) and len(said) == 1:
        return said[0]
    return ("result", number, said)


def _offered(c: Conversation) -> list[Tool]:
    choice = c.tool_choice
    some = choice.allowed if choice and choice.mode == "allowed" else None
    return [t for t in c.tools if t.kind != "server" and (some is None or t.name in some)]


def _tool(tool: Tool) -> Any:
    tool = as_function(tool)
    return (tool.description or None, parameters(tool.parameters))


def _flat(c: Conversation, name: str, namespace: str | None = None) -> str:
    return Names(c.tools).flat(name, namespace)


def _call(c: Conversation, call: ToolCall, numbers: _Numbers) -> Any:
    arguments = wrap_input(call.arguments) if call.kind == "custom" else call.arguments
    number = numbers.call(call.id)
    return ("call", _flat(c, call.name, call.namespace), _arguments(arguments), number)


def _choice(c: Conversation) -> Any:
    choice = c.tool_choice
    if choice is None or choice.mode == "auto" or not any(t.kind != "server" for t in c.tools):
        return None
    if choice.mode == "allowed":
        if not choice.required:
            return None
        one = choice.allowed[0] if len(choice.allowed) == 1 else None
        return ("tool" if one else "required", one)
    return (choice.mode, choice.name)


def _part(part: Part, without: Collection[str] = ()) -> Any:
    match part:
        case Text(text=text):
            return ("text", text) if text else None
        case Media(kind="document", text=str(text)):
            return ("text", text) if text else None
        case Refusal(text=text):
            return ("text", text)
        case Opaque(text=str(text)):
            return ("text", text)
        case Media():
            # Where the bytes are elsewhere, their type is a hint that few formats can give.
            told = part.data is not None and "media-types" not in without
            media_type = part.media_type if told else None
            return (part.kind, media_type, part.data, part.url, part.file_id)
        case ToolCall():
            arguments = wrap_input(part.arguments) if part.kind == "custom" else part.arguments
            return ("call", part.name, _arguments(arguments), part.id)
    return None


def _arguments(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return {"arguments": text}


def _bare(said: Any) -> Any:
    """Words without white space, which some APIs need between texts that others keep apart."""
    match said:
        case str():
            return "".join(said.split())
        case ("text", str(text)):
            return ("text", _bare(text))
        case ("result", number, parts):
            return ("result", number, _bare(parts))
        case list():
            return [_bare(part) for part in said]
    return said


def _join(parts: list[Any]) -> list[Any]:
    """Neighbouring texts run together: how many parts they came in is no difference in meaning."""
    joined: list[Any] = []
    for part in parts:
        if part[0] == "text" and joined and joined[-1][0] == "text":
            joined[-1] = ("text", joined[-1][1] + part[1])
        else:
            joined.append(part)
    return joined
