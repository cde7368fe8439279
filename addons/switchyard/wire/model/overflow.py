"""How far a prompt goes beyond what a model takes, as far as an error's words say it."""

import re
from dataclasses import dataclass

_LIMIT = re.compile(
    r"(?:maximum|max|limit|only|window|length|allowed|exceeds?|>|than)[^0-9\n]{0,60}?"
    r"(?P<number>\d[\d,_]*\d)(?!\w|\.\d)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,_]*\d(?!\w|\.\d)")
_STATUS = re.compile(r"(?:status|code|error)\W{0,8}(?:code\W{0,4})?[45]\d\d\b", re.IGNORECASE)
_SUM = re.compile(r"(\d+) \+ (\d+) > (\d+)")
"""Anthropic's words where prompt and wished answer are too long together."""
_LONGEST = 500
"""Characters that are repeated of a provider's words."""
_LEAST = 64
"""Smaller numbers are no sizes of prompts, but indexes and versions."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """A prompt that is too long for a model. None: nobody said."""

    tokens: int | None = None
    """Tokens of the prompt."""
    limit: int | None = None
    """Tokens that the model takes."""

    @property
    def pair(self) -> tuple[int, int] | None:
        """Both numbers, where both are known."""
        if self.tokens is None or self.limit is None:
            return None
        return self.tokens, self.limit


def read_overflow(message: str) -> Overflow:
    """Read both sizes from the words in which a provider refuses a prompt as too long.

    Providers name the model's limit, the prompt's tokens, or both in either order, and some add
    what the answer was to have. The limit is the number behind a word for it; the prompt is the
    first number that is larger. A status or an index is not taken for a size.
    """
    if (added := _SUM.search(message)) is not None:
        return Overflow(int(added[1]) + int(added[2]), int(added[3]))
    message = _STATUS.sub("", message)
    numbers = [n for found in _NUMBER.findall(message) if (n := _number(found)) >= _LEAST]
    if len(set(numbers)) == 2 and len(numbers) == 2:
        return Overflow(max(numbers), min(numbers))
    limits = [n for found in _LIMIT.finditer(message) if (n := _number(found["number"])) >= _LEAST]
    limit = next((n for n in limits if any(other > n for other in numbers)), None)
    if limit is None:
        return Overflow(None, limits[0] if limits else None)
    return Overflow(next(n for n in numbers if n > limit), limit)


def in_own_words(own: str, said: str) -> str:
    """Return a client's `own` words for an overflow, with what the provider `said` behind them."""
    return f"{own} ({said[:_LONGEST]})" if said and said not in own else own


def _number(digits: str) -> int:
    return int(digits.replace(",", "").replace("_", ""))
