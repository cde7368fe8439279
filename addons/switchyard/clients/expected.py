"""Estimates the output of a request, from what it allows and from what went before.

An estimate is reserved until the request ends; then what it used takes its place.
"""

from collections import OrderedDict
from collections.abc import Mapping

from switchyard.wire.encoding.jsonio import JsonObject

FIRST_OUTPUT = 4096
"""Tokens expected of a model that a key has hardly asked, where the request allows more."""

STRICT_OUTPUT = 32_768
"""Tokens reserved by `strict` where the request says no maximum."""

ENOUGH = 8
"""Answers from which the next one is expected."""

_KEPT = 64
_MOST_PAIRS = 5000
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


class ExpectedOutput:
    """The output that 19 of 20 answers stay below, by key and model; bounded."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], _Answers] = OrderedDict()

    def of(self, owner: str, model: str) -> int | None:
        """Returns the 95th percentile of a key's last answers; None if there are too few."""
        answers = self._seen.get((owner, model))
        return answers.high if answers is not None else None

    def note(self, owner: str, model: str, output: int) -> None:
        """Takes in the output of an answer."""
        answers = self._seen.get((owner, model))
        if answers is None:
            answers = self._seen[owner, model] = _Answers()
            if len(self._seen) > _MOST_PAIRS:
                self._seen.popitem(last=False)
        answers.note(output)


class _Answers:
    """The outputs of one key's last answers from a model."""

    __slots__ = ("_count", "_outputs", "high")

    def __init__(self) -> None:
        self._outputs: list[int] = []
        self._count = 0
        self.high: int | None = None

    def note(self, output: int) -> None:
        self._count += 1
        if len(self._outputs) < _KEPT:
            self._outputs.append(output)
        else:
            self._outputs[self._count % _KEPT] = output
        if self._count % ENOUGH == 0:  # not for every answer: sorting takes a while
            self.high = sorted(self._outputs)[len(self._outputs) * 95 // 100]


def most_output(body: JsonObject) -> int | None:
    """Returns the tokens that a request allows its answer, in any format; None for no limit.

    Chat and Messages have it on top, Gemini in `generationConfig`, Ollama in `options`.
    """
    for name in _LIMITS:
        if name in body:
            return _count(body[name])
    for holder, name in (("generationConfig", "maxOutputTokens"), ("options", "num_predict")):
        inner = body.get(holder)
        if isinstance(inner, Mapping) and name in inner:
            return _count(inner[name])
    return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
