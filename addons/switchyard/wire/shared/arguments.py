"""Normalises empty arguments of a function call: `null`, `[]` and an empty string.

Models and servers write these for a function without parameters (vLLM, Mistral, GLM); the APIs and
their SDKs accept only an object. Gateways before Claude write the empty object with which
Anthropic's streams begin a call, and then the arguments (envoyproxy/ai-gateway, issue 1465).
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import exact
from switchyard.wire.encoding.jsonio import loads_object

_NOTHING = frozenset({"", "null", "[]", '""', "{}"})
_LONGEST = max(map(len, _NOTHING))


def settled(arguments: str) -> str:
    """Returns the arguments of a function as text, `{}` if they are empty."""
    short = len(arguments) <= 2 * _LONGEST and "".join(arguments.split())
    return "{}" if short in _NOTHING else arguments


def as_object(arguments: str) -> JsonObject:
    """Returns the arguments of a function as an object.

    Wraps any other value in an object, as its member `arguments`.
    """
    if settled(arguments) == "{}":
        return {}
    found = exact(loads_object(arguments), arguments)
    return found if found is not None else {"arguments": arguments}


class Settling:
    """Holds streamed arguments back while they may still be empty.

    The results of `feed` and `close` add up to the text, or to nothing or `{}` if it is empty,
    however the text is split.
    """

    __slots__ = ("_held", "_over")

    def __init__(self) -> None:
        self._held = ""
        self._over = False

    @property
    def says_nothing(self) -> bool:
        """Whether text has arrived, and all of it is empty."""
        return not self._over and bool(self._held.strip()) and settled(self._held) == "{}"

    def feed(self, text: str) -> str:
        """Returns the part of the arguments that is certain after `text`."""
        if self._over or not text:
            return text
        held = self._held + text
        said = "".join(held.split())
        holds = said == "{}" if held[:1] == "{" else _may_say_nothing(said)
        if holds and len(held) <= 2 * _LONGEST:
            self._held = held
            return ""
        nothing, self._held, self._over = self._held, "", True
        # Arguments after an empty value replace it.
        return text if settled(nothing) == "{}" and text.lstrip()[:1] == "{" else held

    def keep(self) -> str:
        """Returns the held text, which nothing replaces any more."""
        held, self._held, self._over = self._held, "", True
        return held

    def close(self) -> str:
        """Returns the held text at the end, unless it is empty; `{}` as it is."""
        held, self._held = self._held, ""
        return "" if settled(held) == "{}" and held != "{}" else held


def _may_say_nothing(said: str) -> bool:
    return any(word.startswith(said) for word in _NOTHING)
