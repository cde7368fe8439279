"""Compiles regular expressions of a configuration so that none can do harm."""

import re
from collections.abc import Iterator
from re import _constants as ops  # pyright: ignore[reportAttributeAccessIssue]
from re import _parser as parser  # pyright: ignore[reportAttributeAccessIssue]
from typing import Any

LONGEST = 4000
"""Characters that an expression may have."""


class ExpressionError(ValueError):
    """Why a text is no expression that is taken. The text never repeats it."""


class LateExpression:
    """A regular expression that is compiled when it is first used."""

    __slots__ = ("_compiled", "_flags", "text")

    def __init__(self, text: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.text = text
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    @property
    def compiled(self) -> re.Pattern[str]:
        """The compiled expression. Raises `re.error` if the text is none."""
        if self._compiled is None:
            self._compiled = re.compile(self.text, self._flags)
        return self._compiled


def compiled(text: str) -> re.Pattern[str]:
    """The expression that a text is. Raises `ExpressionError`.

    An unbounded repetition of what is one itself, as in `(a+)+`, is refused: a text that does not
    match would take time without end.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"it has more than {LONGEST} characters")
    try:
        pattern = re.compile(text)
        endless = any(map(_is_endless, _repetitions(parser.parse(text))))
    except re.error as error:
        raise ExpressionError(error.msg) from None
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None
    except (OverflowError, MemoryError):
        raise ExpressionError("it is too large") from None
    if endless:
        raise ExpressionError("it repeats a repetition, as in (a+)+, which may never finish")
    return pattern


def _repetitions(parsed: Any) -> Iterator[Any]:
    """What is repeated without bounds, at any depth of an expression."""
    for op, argument in parsed:
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT) and argument[1] is ops.MAXREPEAT:
            yield argument[2]
        for part in _parts(op, argument):
            yield from _repetitions(part)


def _is_endless(repeated: Any) -> bool:
    """Whether one turn of a repetition may have any length, as two turns have."""
    items = list(repeated)
    for place, (op, argument) in enumerate(items):
        others = items[:place] + items[place + 1 :]
        if any(_least(*other) for other in others):
            continue
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            if argument[1] is ops.MAXREPEAT or _is_endless(argument[2]):
                return True
        elif op in (ops.SUBPATTERN, ops.BRANCH) and any(
            _is_endless(part) for part in _parts(op, argument)
        ):
            return True
    return False


def _least(op: Any, argument: Any) -> int:
    """The fewest characters that one item of an expression matches; 0 or more."""
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return argument[0] and _least_of(argument[2])
    if op in (ops.SUBPATTERN, ops.BRANCH, ops.ATOMIC_GROUP):
        return min((_least_of(part) for part in _parts(op, argument)), default=0)
    return int(op in (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN))


def _least_of(parsed: Any) -> int:
    return sum(_least(op, argument) for op, argument in parsed)


def _parts(op: Any, argument: Any) -> list[Any]:
    """The expressions that are part of an item."""
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return [argument[2]]
    if op is ops.SUBPATTERN:
        return [argument[3]]
    if op is ops.ATOMIC_GROUP:
        return [argument]
    if op is ops.BRANCH:
        return list(argument[1])
    if op in (ops.ASSERT, ops.ASSERT_NOT):
        return [argument[1]]
    if op is ops.GROUPREF_EXISTS:
        return [part for part in argument[1:] if part is not None]
    return []
