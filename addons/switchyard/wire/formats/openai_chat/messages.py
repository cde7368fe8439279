"""Reads the messages of a request into turns.

Source: OpenAI's reference, "Create chat completion", `messages`. `request_messages` does the
reverse.
"""

from dataclasses import dataclass
from dataclasses import field
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.content import read_content
from switchyard.wire.formats.openai_chat.names import OPAQUE
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.reasoning import read_reasoning
from switchyard.wire.formats.openai_chat.tools import read_calls
from switchyard.wire.formats.openai_chat.tools import read_legacy_call
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.words import as_content

FIELD = "field"
"""`form` of a refusal in the message's own member, rather than among the content's parts."""

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_COMMON = frozenset({"role", "content", "name"})


def read_messages(messages: Any) -> tuple[Turn, ...]:
    """Returns one turn for each message. Raises BadRequest."""
    if not isinstance(messages, list):
        raise BadRequest("messages must be a list", "messages")
    if not messages:
        raise BadRequest("messages must hold at least one message", "messages")
    calls = _Calls()
    return tuple(_read_message(m, f"messages.{i}", i, calls) for i, m in enumerate(messages))


@dataclass(slots=True)
class _Calls:
    """Holds the unanswered calls, oldest first, for results that name no call."""

    open: list[ToolCall] = field(default_factory=list)

    def answer(self, call_id: str | None, name: str | None = None) -> str:
        """Returns the id of the call that a result answers."""
        for i, call in enumerate(self.open):
            if call.id == call_id or (call_id is None and name in (None, call.name)):
                return self.open.pop(i).id
        return call_id or ""


def _read_message(message: Any, param: str, number: int, calls: _Calls) -> Turn:
    if not isinstance(message, dict):
        raise BadRequest("a message must be an object with role and content", param)
    role = message.get("role")
    match role:
        case "assistant":
            return _read_assistant(message, param, number, calls)
        case "tool" | "function":
            return _read_result(message, param, calls)
        case "system" | "developer" | "user":
            name = message.get("name")
            return Turn(
                role=role,
                parts=tuple(read_content(message.get("content"), f"{param}.content")),
                name=name if isinstance(name, str) else None,
                extra=_others(message, _COMMON),
                form=_content_form(message),
            )
    raise BadRequest(f"role {role!r} is not one of {', '.join(_ROLES)}", f"{param}.role")


def _read_assistant(message: JsonObject, param: str, number: int, calls: _Calls) -> Turn:
    thinking, unused = read_reasoning(message)
    parts: list[Part] = [*thinking, *read_content(message.get("content"), f"{param}.content")]
    known = {*_COMMON, "reasoning_details", OPAQUE, *REASONING_NAMES}
    if refusal := text_of(message.get("refusal")):
        parts.append(Refusal(text=refusal, form=FIELD))
        known.add("refusal")
    audio = message.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get("id"), str):
        parts.append(Media(kind="audio", file_id=audio["id"], extra={"audio": audio}, form=FIELD))
        known.add("audio")
    made: list[ToolCall] = []
    if isinstance(given := message.get("tool_calls"), list) and given:
        made += read_calls(given, f"message-{number}")
        known.add("tool_calls")
    if (legacy := read_legacy_call(message.get("function_call"), f"message-{number}")) is not None:
        made.append(legacy)
        known.add("function_call")
    calls.open += made
    name = message.get("name")
    return Turn(
        role="assistant",
        parts=(*parts, *made),
        name=name if isinstance(name, str) else None,
        extra=_others(message, frozenset(known)) | unused,
        form=_content_form(message),
    )


def _read_result(message: JsonObject, param: str, calls: _Calls) -> Turn:
    """Reads a tool message, or a deprecated function message.

    The latter names only the function.
    """
    legacy = message["role"] == "function"
    name = message.get("name") if isinstance(message.get("name"), str) else None
    given = None if legacy else text_of(message.get("tool_call_id")) or None
    known = _COMMON if legacy else _COMMON | {"tool_call_id"}
    result = ToolResult(
        call_id=calls.answer(given, name if legacy else None),
        parts=tuple(read_content(as_content(message.get("content")), f"{param}.content")),
        name=name,
        form=_content_form(message),
    )
    extra = _others(message, known)
    if not legacy and not given:
        extra["tool_call_id"] = message.get("tool_call_id")
    return Turn(role="user", parts=(result,), extra=extra, form=message["role"])


def _others(message: JsonObject, known: frozenset[str]) -> JsonObject:
    return {k: v for k, v in message.items() if k not in known or (v is None and k != "content")}


def _content_form(message: JsonObject) -> str:
    """Returns the spelling of the content if its parts do not show it."""
    if "content" not in message:
        return "absent"
    content = message["content"]
    if content is None:
        return "null"
    return "" if isinstance(content, str) else "list" if isinstance(content, list) else "object"
