"""Limits tools to those that a target takes, and a tool choice to the tools that it receives.

Tools that run at one provider are not offered to another, so a choice of one of them (Claude Code
forces its search so) would name an unknown tool, which every API refuses. So do Anthropic ("Tool
names must be unique") and Google two tools of one name, which clients send that gather them from
several servers (docker/docker-agent, issue 2251).
"""

from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice

REMOVED = "removed"
"""Form of a tool that was declared, and removed in the course of the conversation."""


def choosable(conversation: Conversation, target: str) -> Conversation:
    """Returns the conversation with a choice among the tools of format `target`.

    Leaves out removed tools, and of those with one name all but the last. Returns the conversation
    itself if nothing changes. If nothing of the choice remains, the model chooses. A choice among
    all tools, or of the only one, is said without a list, as every API knows it; few know lists
    (OpenAI's `allowed_tools`).
    """
    offers = _of_distinct_names(conversation.tools)
    if len(offers) < len(conversation.tools):
        conversation = altered(conversation, tools=offers)
    choice = conversation.tool_choice
    if choice is None or choice.mode not in ("tool", "allowed"):
        return conversation
    offered = {t.name for t in conversation.tools if t.kind != "server" or t.format == target}
    chosen = choice.allowed if choice.mode == "allowed" else (choice.name or "",)
    left = tuple(name for name in chosen if name in offered)
    if choice.mode == "allowed" and left:
        plainest = _plainest(altered(choice, allowed=left), offered)
    else:
        plainest = choice if left else None
    if plainest == choice:
        return conversation
    return altered(conversation, tool_choice=plainest)


def _of_distinct_names(tools: Sequence[Tool]) -> tuple[Tool, ...]:
    """Returns the tools that are not removed: the client's own with distinct names.

    A tool that would run at the provider gives way to one of the client's with its name.
    """
    left = [tool for tool in tools if tool.form != REMOVED]
    last = {(t.namespace, t.name): i for i, t in enumerate(left) if t.kind != "server"}
    return tuple(
        tool
        for place, tool in enumerate(left)
        if (tool.kind == "server" and (None, text_of(tool.raw.get("name"))) not in last)
        or last.get((tool.namespace, tool.name)) == place
    )


def _plainest(choice: ToolChoice, offered: set[str]) -> ToolChoice:
    """Returns a choice among some of the tools `offered`, without their list if it can."""
    if choice.required and len(choice.allowed) == 1:
        return ToolChoice(mode="tool", name=choice.allowed[0])
    if offered.issubset(choice.allowed):
        return ToolChoice(mode="required" if choice.required else "auto")
    return choice
