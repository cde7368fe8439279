"""Declares Gemini's `computerUse` tool as functions for other formats.

Source: the guide "Computer use" (ai.google.dev/gemini-api/docs/computer-use): the tool stands for
predefined functions that the client runs, except those in `excludedPredefinedFunctions`.
Coordinates are on a grid of 1,000 by 1,000, whatever the screen's size.
"""

from collections.abc import Mapping

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.model.conversation import Tool
from switchyard.wire.shared.declared_tools import function
from switchyard.wire.shared.declared_tools import obj
from switchyard.wire.shared.declared_tools import switch
from switchyard.wire.shared.declared_tools import text
from switchyard.wire.shared.declared_tools import whole

KEY = "computerUse"

_X = whole("From the left, 0 to 999")
_Y = whole("From the top, 0 to 999")
_DIRECTION = text("Where to scroll", "up", "down", "left", "right")
_AT = obj(("y", "x"), y=_Y, x=_X)

_FUNCTIONS: Mapping[str, tuple[str, JsonObject]] = {
    "open_web_browser": ("Opens the web browser.", obj()),
    "wait_5_seconds": ("Waits five seconds, for what changes on the screen.", obj()),
    "go_back": ("Goes to the previous page.", obj()),
    "go_forward": ("Goes to the next page.", obj()),
    "search": ("Opens the home page of a search engine.", obj()),
    "navigate": ("Opens an address.", obj(("url",), url=text("The address"))),
    "click_at": ("Clicks at a place on the screen.", _AT),
    "hover_at": ("Moves the mouse to a place on the screen.", _AT),
    "type_text_at": (
        "Types a text at a place on the screen.",
        obj(
            ("y", "x", "text"),
            y=_Y,
            x=_X,
            text=text("The text"),
            press_enter=switch("Whether to press Enter after it; true by default"),
            clear_before_typing=switch("Whether to clear the field first; true by default"),
        ),
    ),
    "key_combination": (
        "Presses keys together.",
        obj(("keys",), keys=text("The keys, such as Control+C")),
    ),
    "scroll_document": ("Scrolls the page.", obj(("direction",), direction=_DIRECTION)),
    "scroll_at": (
        "Scrolls what is at a place on the screen.",
        obj(
            ("y", "x", "direction"),
            y=_Y,
            x=_X,
            direction=_DIRECTION,
            magnitude=whole("How far, 0 to 999"),
        ),
    ),
    "drag_and_drop": (
        "Drags what is at a place on the screen to another.",
        obj(
            ("y", "x", "destination_y", "destination_x"),
            y=_Y,
            x=_X,
            destination_y=_Y,
            destination_x=_X,
        ),
    ),
}


def predefined(raw: JsonObject, form: str) -> list[Tool]:
    """Returns the functions of a `computerUse` tool.

    The first one holds the tool's declaration.
    """
    excluded = raw.get("excludedPredefinedFunctions")
    excluded = excluded if isinstance(excluded, list) else ()
    offered = {name: said for name, said in _FUNCTIONS.items() if name not in excluded}
    return [
        function(
            name,
            words,
            parameters,
            format=NAME,
            raw=EMPTY if place else {KEY: raw},
            extra=owned({KEY: True}),
            form=form,
        )
        for place, (name, (words, parameters)) in enumerate(offered.items())
    ]


def is_predefined(tool: Tool) -> bool:
    """Whether a tool is one of these functions."""
    return KEY in own(tool.extra)
