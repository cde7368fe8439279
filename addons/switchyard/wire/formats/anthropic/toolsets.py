"""Declares Anthropic's computer and browser toolsets as functions.

Sources: the guides "Computer use tool" and "Browser use tool" (platform.claude.com/docs, Tools) and
the input types of the official SDK (`BetaComputerToolset20260801Param`,
`BetaBrowserToolset20260801Param`, `BetaComputerMemberInput`, `BetaBrowserMemberInput`). One entry
of `tools` declares all members of a set; a call names its member, and the set as `toolset_name`.
"""

from collections.abc import Mapping

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Tool
from switchyard.wire.shared.declared_tools import function
from switchyard.wire.shared.declared_tools import obj
from switchyard.wire.shared.declared_tools import point
from switchyard.wire.shared.declared_tools import several
from switchyard.wire.shared.declared_tools import text
from switchyard.wire.shared.declared_tools import whole

NAME = "anthropic"

MEMBER = "member"
"""Form of a toolset's tools after the first, which holds the declaration of all."""

_AT = point("Where on the screen, as [x, y] in pixels from the upper left corner")
_KEYS = text("Keys to hold down meanwhile, such as ctrl+shift")
_CLICK = obj(coordinate=_AT, text=_KEYS)
_AMOUNT = whole("How many steps of the wheel to scroll")
_DIRECTION = text("Where to scroll", "up", "down", "left", "right")
_REGION = several({"type": "integer"}, "The part of the screen, as [x0, y0, x1, y1]")
_SECONDS: JsonObject = {"type": "number", "description": "Seconds"}
_TYPED = text("The text to type")
_PRESSED = text("Keys to press, such as ctrl+s")
_TIMES = whole("How often")

_COMPUTER: Mapping[str, JsonObject] = {
    "cursor_position": obj(),
    "double_click": _CLICK,
    "hold_key": obj(("text", "duration"), text=_KEYS, duration=_SECONDS),
    "key": obj(("text",), text=_PRESSED, repeat=_TIMES),
    "left_click": _CLICK,
    "left_click_drag": obj(
        ("start_coordinate", "coordinate"), start_coordinate=_AT, coordinate=_AT, text=_KEYS
    ),
    "left_mouse_down": obj(),
    "left_mouse_up": obj(),
    "middle_click": _CLICK,
    "mouse_move": obj(("coordinate",), coordinate=_AT),
    "right_click": _CLICK,
    "screenshot": obj(),
    "scroll": obj(
        ("scroll_direction", "scroll_amount"),
        coordinate=_AT,
        scroll_direction=_DIRECTION,
        scroll_amount=_AMOUNT,
        text=_KEYS,
    ),
    "triple_click": _CLICK,
    "type": obj(("text",), text=_TYPED),
    "wait": obj(("duration",), duration=_SECONDS),
    "zoom": obj(("region",), region=_REGION),
}

_TAB = text("The tab to act on; the active one by default")
_PLACE = obj(
    ("type", "x", "y"),
    type=text("Kind of target", "coordinate"),
    x=whole("Pixels from the left"),
    y=whole("Pixels from the top"),
)
_ELEMENT = obj(
    ("type", "ref"),
    type=text("Kind of target", "ref"),
    ref=text("An element, as read_page or find named it"),
)
_TARGET: JsonObject = {"anyOf": [_PLACE, _ELEMENT]}
_HIT = obj(("target",), target=_TARGET, modifiers=_KEYS, tab_id=_TAB)
_POINT = obj(("target",), target=_PLACE, tab_id=_TAB)
_HERE = obj(tab_id=_TAB)

_BROWSER: Mapping[str, JsonObject] = {
    "close_tab": obj(("tab_id",), tab_id=text("The tab")),
    "double_click": _HIT,
    "file_upload": obj(
        ("target",),
        target=_ELEMENT,
        paths=several({"type": "string"}, "Paths of the files"),
        document_ids=several({"type": "string"}, "Ids of documents"),
        tab_id=_TAB,
    ),
    "find": obj(("query",), query=text("What the element is like"), tab_id=_TAB),
    "form_input": obj(
        ("target", "value"),
        target=_ELEMENT,
        value={"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]},
        tab_id=_TAB,
    ),
    "get_page_text": _HERE,
    "hold_key": obj(("text", "duration"), text=_KEYS, duration=_SECONDS, tab_id=_TAB),
    "hover": obj(("target",), target=_TARGET, tab_id=_TAB),
    "javascript_exec": obj(("text",), text=text("The code to run"), tab_id=_TAB),
    "key": obj(("text",), text=_PRESSED, repeat=_TIMES, tab_id=_TAB),
    "left_click": _HIT,
    "left_click_drag": obj(("from", "target"), **{"from": _PLACE}, target=_PLACE, tab_id=_TAB),
    "left_mouse_down": _POINT,
    "left_mouse_up": _POINT,
    "list_tabs": obj(),
    "middle_click": _HIT,
    "mouse_move": _POINT,
    "navigate": obj(("url",), url=text("The address, or back, forward or reload"), tab_id=_TAB),
    "new_tab": obj(),
    "read_console": _HERE,
    "read_network": _HERE,
    "read_page": obj(
        filter=text("Which elements", "all", "interactive"),
        depth=whole("How deep to read"),
        ref=text("The element to begin with"),
        tab_id=_TAB,
    ),
    "right_click": _HIT,
    "screenshot": _HERE,
    "scroll": obj(
        ("target", "scroll_direction"),
        target=_PLACE,
        scroll_direction=_DIRECTION,
        scroll_amount=_AMOUNT,
        tab_id=_TAB,
    ),
    "scroll_to": obj(("target",), target=_ELEMENT, tab_id=_TAB),
    "switch_tab": obj(("tab_id",), tab_id=text("The tab")),
    "triple_click": _HIT,
    "type": obj(("text",), text=_TYPED, tab_id=_TAB),
    "wait": obj(("duration",), duration=_SECONDS, tab_id=_TAB),
    "zoom": obj(("region",), region=_REGION, tab_id=_TAB),
}

_SETS = {"computer": _COMPUTER, "browser": _BROWSER}
_WORDS = {
    "computer": "Controls a computer by mouse and keyboard",
    "browser": "Controls a web browser",
}


def toolset(name: str, raw: JsonObject) -> list[Tool]:
    """Returns the functions for the set `name` that `raw` declares.

    Each enabled member is one function, with the set's name as its namespace; the first one holds
    `raw`.
    """
    given = raw.get("configs")
    configs = given if isinstance(given, dict) else {}
    tools: list[Tool] = []
    for member, parameters in _SETS[name].items():
        config = configs.get(member)
        if isinstance(config, dict) and config.get("enabled") is False:
            continue
        first = not tools
        tools.append(
            function(
                member,
                f"{_WORDS[name]}: {member.replace('_', ' ')}.",
                parameters,
                format=NAME,
                raw=raw if first else EMPTY,
                namespace=name,
                cache=raw.get("cache_control") if first else None,
                form="" if first else MEMBER,
            )
        )
    return tools
