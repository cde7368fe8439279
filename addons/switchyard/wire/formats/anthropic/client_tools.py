"""Declares Anthropic's client-run tools as functions for other formats.

Sources: the guides "Bash tool", "Text editor tool", "Memory tool" and "Computer use tool"
(platform.claude.com/docs, Tools) and the parameter types of the official SDK
(`BetaToolBash20250124Param`, `BetaToolTextEditor20250728Param`, `BetaMemoryTool20250818Param`,
`BetaToolComputerUse20251124Param` and earlier versions). For toolsets see `toolsets`. Calls of
these tools are ordinary `tool_use` blocks, so only the declaration differs.
"""

import re
from collections.abc import Sequence
from functools import partial

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic.toolsets import toolset
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.shared.declared_tools import function
from switchyard.wire.shared.declared_tools import obj
from switchyard.wire.shared.declared_tools import point
from switchyard.wire.shared.declared_tools import several
from switchyard.wire.shared.declared_tools import switch
from switchyard.wire.shared.declared_tools import text
from switchyard.wire.shared.declared_tools import whole
from switchyard.wire.shared.tool_names import Names

NAME = "anthropic"

TOOLSET = "toolset_name"
"""Member of a call that names the toolset of its tool."""

_TYPE = re.compile(r"(bash|text_editor|memory|computer|(?:computer|browser)_toolset)_(\d{8})")

_BASH = obj(
    command=text("The command to run; needed unless the shell is restarted"),
    restart=switch("True restarts the shell"),
)
_PATH = text("The path of the file or directory")
_RANGE = several({"type": "integer"}, "First and last line to view; -1 as the last one means all")
_LINE = whole("The line after which the text is inserted; 0 is the beginning of the file")

_SCREEN = {
    "20241022": (
        *("key", "type", "mouse_move", "left_click", "left_click_drag", "right_click"),
        *("middle_click", "double_click", "screenshot", "cursor_position"),
    ),
    "20250124": (
        *("left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click"),
    ),
    "20251124": ("zoom",),
}
"""The actions that each version of the computer tool added."""

_AT = point("Where on the screen, as [x, y] in pixels from the upper left corner")
_AMOUNT = whole("How many steps of the wheel to scroll")
_DIRECTION = text("Where to scroll", "up", "down", "left", "right")
_REGION = several({"type": "integer"}, "The part of the screen, as [x0, y0, x1, y1]")


def client_tools(raw: JsonObject) -> list[Tool]:
    """Returns the functions for one entry of `tools`.

    Returns none if the entry is not of a client-run type.
    """
    found = _TYPE.fullmatch(str(raw.get("type")))
    if found is None:
        return []
    kind, version = found[1], found[2]
    if kind.endswith("_toolset"):
        return toolset(kind.removesuffix("_toolset"), raw)
    made = partial(function, format=NAME, raw=raw, cache=raw.get("cache_control"))
    name = raw.get("name")
    match kind:
        case "bash":
            return [made(str(name or "bash"), _BASH_WORDS, _BASH)]
        case "text_editor":
            name = str(name or "str_replace_based_edit_tool")
            return [made(name, _EDITOR_WORDS, _editor(version))]
        case "memory":
            return [made(str(name or "memory"), _MEMORY_WORDS, _MEMORY)]
    return [made(str(name or "computer"), _screen_words(raw), _computer(raw, version))]


_BASH_WORDS = "Runs a command in a shell that stays open between calls, and returns its output."
_EDITOR_WORDS = "Views, creates and edits text files. Texts to replace must match exactly once."
_MEMORY_WORDS = (
    "Keeps files under /memories between conversations: view, create, edit, delete and rename them."
)


class ToolsetCalls:
    """Adds the toolset's name to the calls of a response; see `stages.Stage`."""

    over = False

    def __init__(self, tools: Sequence[Tool]) -> None:
        """Takes the client request's `tools`."""
        self._names = Names(tools)
        self.changed = False

    @staticmethod
    def has_work(tools: Sequence[Tool]) -> bool:
        """Whether `tools` contains a toolset."""
        return any(tool.format == NAME and tool.namespace for tool in tools)

    def feed(self, events: Sequence[Event]) -> list[Event]:
        return [self._named(event) for event in events]

    def forgets(self, event: TextDelta) -> bool:
        """Words pass as they are."""
        return True

    def _named(self, event: Event) -> Event:
        if not isinstance(event, PartStart | PartEnd) or not isinstance(event.part, ToolCall):
            return event
        tool = self._names.tool(event.part.name)
        if tool is None or not tool.namespace:
            return event
        self.changed = True
        extra = {**event.part.extra, TOOLSET: tool.namespace}
        return altered(event, part=altered(event.part, name=tool.name, extra=extra))


def _editor(version: str) -> JsonObject:
    commands = ["view", "create", "str_replace", "insert"]
    if version < "20250429":
        commands.append("undo_edit")
    # Up to 20250429, `new_str` names the text to insert as well as the replacement.
    inserted = {"insert_text": text("For insert: the text")} if version > "20250429" else {}
    return obj(
        ("command", "path"),
        command=text("What to do", *commands),
        path=_PATH,
        file_text=text("For create: the content of the file"),
        old_str=text("For str_replace: the text to replace"),
        new_str=text("For str_replace: the text in its place" + ("" if inserted else "; insert")),
        insert_line=_LINE,
        view_range=_RANGE,
        **inserted,
    )


_MEMORY = obj(
    ("command",),
    command=text("What to do", "view", "create", "str_replace", "insert", "delete", "rename"),
    path=text("The path of the file or directory, for all commands but rename"),
    file_text=text("For create: the content of the file"),
    old_str=text("For str_replace: the text to replace"),
    new_str=text("For str_replace: the text in its place"),
    insert_line=_LINE,
    insert_text=text("For insert: the text"),
    view_range=_RANGE,
    old_path=text("For rename: the path it has"),
    new_path=text("For rename: the path it gets"),
)


def _screen_words(raw: JsonObject) -> str:
    width, height = raw.get("display_width_px"), raw.get("display_height_px")
    size = f" The screen has {width} x {height} pixels." if width and height else ""
    return f"Controls a computer by mouse and keyboard, and takes screenshots.{size}"


def _computer(raw: JsonObject, version: str) -> JsonObject:
    actions = [action for since, added in _SCREEN.items() if since <= version for action in added]
    if not raw.get("enable_zoom") and "zoom" in actions:
        actions.remove("zoom")
    members = {
        "coordinate": _AT,
        "text": text("The text to type, the keys to press, or those to hold down meanwhile"),
    }
    if version > "20241022":
        members |= {
            "start_coordinate": point("For left_click_drag: where to begin, as [x, y]"),
            "duration": {"type": "number", "description": "For hold_key and wait: seconds"},
            "scroll_direction": _DIRECTION,
            "scroll_amount": _AMOUNT,
        }
    if "zoom" in actions:
        members["region"] = _REGION
    return obj(("action",), action=text("What to do", *actions), **members)
