"""Tells who brought a request about: a user, or an agent that returns what a tool gave.

GitHub Copilot counts the requests of users against a plan's premium requests, by the header
`x-initiator: user|agent`, as OpenCode sends it (packages/opencode/src/plugin/github-copilot, read
2026-11-28).
"""

from typing import Literal

from switchyard.wire.encoding.jsonio import JsonObject


def initiator_of(body: JsonObject) -> Literal["user", "agent"]:
    """Return who brought about a request in one of OpenAI's formats or Anthropic's.

    It is the agent's if it ends with a tool's result, or with what the model said itself.
    """
    last = _last(body.get("messages")) or _last(body.get("input"))
    if last is None:
        return "user"
    kind = last.get("type")
    if last.get("role") in ("tool", "assistant"):
        return "agent"
    if isinstance(kind, str) and kind.endswith(("_output", "_call", "reasoning")):
        return "agent"
    content = last.get("content")
    parts = content if isinstance(content, list) else ()
    kinds = {part.get("type") for part in parts if isinstance(part, dict)}
    return "agent" if "tool_result" in kinds else "user"


def _last(items: object) -> JsonObject | None:
    if isinstance(items, list) and items and isinstance(items[-1], dict):
        return items[-1]
    return None
