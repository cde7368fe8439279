"""Arguments of a function call that say nothing: `null`, `[]` and an empty string.

Models and servers write these for a function without parameters (vLLM, Mistral, GLM); the APIs and
their SDKs take an object alone.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import exact
from switchyard.wire.encoding.jsonio import loads_object

_NOTHING = frozenset({"", "null", "[]", '""', "{}"})
_LONGEST = max(map(len, _NOTHING))


def settled(arguments: str) -> str:
    """Return the arguments of a function as text, `{}` where they say nothing."""
    short = len(arguments) <= 2 * _LONGEST and "".join(arguments.split())
    return "{}" if short in _NOTHING else arguments


def as_object(arguments: str) -> JsonObject:
    """Return the arguments of a function; what is no object stands in one, as `arguments`."""
    if settled(arguments) == "{}":
        return {}
    found = exact(loads_object(arguments), arguments)
    return found if found is not None else {"arguments": arguments}


class Settling:
    """Holds streamed arguments back as long as they may say nothing.

    However the text is cut, what `feed` and `close` return adds up to the text, or to nothing
    where it says nothing.
    """

    __slots__ = ("_held", "_over")

    def __init__(self) -> None:
        self._held = ""
        self._over = False

    @property
    def says_nothing(self) -> bool:
        """Whether something came, and all of it says nothing."""
        return not self._over and bool(self._held.strip()) and settled(self._held) == "{}"

    def feed(self, text: str) -> str:
        """Return what of the arguments goes on after `text`."""
        if self._over or not text:
            return text
        held = self._held + text
        said = "".join(held.split())
        if held[:1] != "{" and len(held) <= 2 * _LONGEST and _may_say_nothing(said):
            self._held = held
            return ""
        nothing, self._held, self._over = self._held, "", True
        # Arguments that follow a word for none stand alone.
        return text if settled(nothing) == "{}" and text.lstrip()[:1] == "{" else held

    def close(self) -> str:
        """Return what is held and says something, once nothing follows."""
        held, self._held = self._held, ""
        return "" if settled(held) == "{}" else held


def _may_say_nothing(said: str) -> bool:
    return any(word.startswith(said) for word in _NOTHING)
