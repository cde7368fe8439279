"""Finds the session of a request, so that its requests meet the same prompt cache.

The order is that of CLIProxyAPI: Claude Code's header, the session in `metadata.user_id`, session
headers, `prompt_cache_key`, `conversation`, and else the opening messages, which stay as they are
while a conversation grows.
"""

import hashlib
import json
import re
from collections.abc import Mapping

from switchyard.values.records import record

_CLAUDE_CODE = "x-claude-code-session-id"
_HEADERS = (
    "session_id",
    "session-id",
    "x-session-id",
    "x-session-affinity",
    "conversation_id",
    "x-conversation-id",
)
"""Codex sends `session_id` and `conversation_id`, opencode the two that begin with `x-session`."""

_HEADER_NAMES = frozenset(_HEADERS)

SESSION_HEADERS = (_CLAUDE_CODE, *_HEADERS)
"""All headers that may name a session."""

_USER_SESSION = re.compile(r"_session_([\w-]{8,})\Z", re.ASCII)
_LONGEST = 200
_OPENING = 2048
"""Characters of each opening text that distinguish conversations."""
_SYSTEM_MEMBERS = ("system", "instructions", "systemInstruction", "system_instruction")
_SYSTEM_NAMES = frozenset(_SYSTEM_MEMBERS)
_SYSTEM_ROLES = ("system", "developer")
_MODEL_ROLES = ("assistant", "model")
_ANSWER_ITEMS = ("function_call", "custom_tool_call", "reasoning", "local_shell_call")
"""Items of the Responses API that an answer consists of and that have no role."""
_MOST_MESSAGES = 50
_BILLING_LINE = "x-anthropic-billing-header"
"""Claude Code's first system text; a part of it changes with every request."""


@record()
class Session:
    """A session's id, short and not secret, and which field it came from."""

    id: str
    source: str


def session_of(headers: Mapping[str, str], body: Mapping[str, object]) -> Session | None:
    """Return the session of a request in any wire format, or None.

    Takes headers by lower-case name. Never raises.
    """
    if headers and (session := _named(headers.get(_CLAUDE_CODE), _CLAUDE_CODE)):
        return session
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        if session := _named(_user_session(metadata.get("user_id")), "metadata.user_id"):
            return session
    for name in () if _HEADER_NAMES.isdisjoint(headers) else _HEADERS:
        if name in headers and (session := _named(headers[name], name)):
            return session
    if session := _named(body.get("prompt_cache_key"), "prompt_cache_key"):
        return session
    if conversation := body.get("conversation"):
        if isinstance(conversation, dict):
            conversation = conversation.get("id")
        if session := _named(conversation, "conversation"):
            return session
    return _by_opening(body)


def has_history(body: Mapping[str, object]) -> bool:
    """Whether a request in any wire format continues a conversation: an answer is part of it."""
    if body.get("previous_response_id") or body.get("conversation"):
        return True
    for name in ("messages", "input", "contents"):
        value = body.get(name)
        for message in value if isinstance(value, list) else ():
            if isinstance(message, dict) and (
                message.get("role") in _MODEL_ROLES or message.get("type") in _ANSWER_ITEMS
            ):
                return True
    return False


def _named(value: object, source: str) -> Session | None:
    if not isinstance(value, str) or not (value := value.strip()):
        return None
    if len(value) > _LONGEST or not value.isascii() or not value.isprintable():
        value = _digest(value)
    return Session(value, source)


def _user_session(user_id: object) -> str | None:
    """Return the session in Claude Code's user id.

    Either `user_..._account_..._session_...`, or JSON text.
    """
    if not isinstance(user_id, str) or len(user_id) > 4096:
        return None
    if match := _USER_SESSION.search(user_id):
        return match[1]
    if not user_id.startswith("{"):
        return None
    try:
        found = json.loads(user_id)
    except (ValueError, RecursionError):
        return None
    session = found.get("session_id") if isinstance(found, dict) else None
    return session if isinstance(session, str) else None


def _by_opening(body: Mapping[str, object]) -> Session | None:
    """Identify by system prompt and first user message; None without a user message."""
    system: list[str] = []
    for name in () if _SYSTEM_NAMES.isdisjoint(body) else _SYSTEM_MEMBERS:
        if name in body:
            system += _texts(body[name])
    for name in ("messages", "input", "contents", "prompt"):
        if (value := body.get(name)) and isinstance(value, str):
            return _opening(system, [value])
        for message in value[:_MOST_MESSAGES] if isinstance(value, list) else ():
            if isinstance(message, dict):
                texts = _texts(message["content"] if "content" in message else message.get("parts"))
                if (role := message.get("role", "user")) == "user":
                    if texts:
                        return _opening(system, texts)
                elif role in _SYSTEM_ROLES:
                    system += texts
            elif isinstance(message, str):
                return _opening(system, [message])
    return None


def _opening(system: list[str], first: list[str]) -> Session:
    kept = [text for text in system if not text.startswith(_BILLING_LINE)]
    kept += ("\1", *first)
    return Session(_digest("\0".join(kept)), "opening")


def _texts(value: object) -> list[str]:
    """Return the beginnings of a content's texts: text, or a list of parts with text."""
    if isinstance(value, dict):
        value = value.get("parts")
    if isinstance(value, str):
        return [value[:_OPENING]] if value else []
    if not isinstance(value, list):
        return []
    texts = [part.get("text") if isinstance(part, dict) else part for part in value]
    return [text[:_OPENING] for text in texts if isinstance(text, str) and text]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()
