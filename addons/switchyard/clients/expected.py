"""Estimates the output of a request, from what it allows and from what went before.

An estimate is reserved until the request ends; then what it used takes its place.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject

FIRST_OUTPUT = 4096
"""Tokens expected of a model that a key has hardly asked, where the request allows more."""

STRICT_OUTPUT = 32_768
"""Tokens reserved by `strict` where the request says no maximum."""

ENOUGH = 8
"""Answers from which the next one is expected."""

_KEPT = 64
_MOST_PAIRS = 5000
_LONGEST = 32
"""Characters of a number, above which text is none."""

type _Names = Sequence[str]
type _InnerNames = Sequence[tuple[str, Sequence[str]]]
"""Names of members by the member that they are in, which Gemini's clients spell in two ways."""

_LIMITS: _Names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_INNER_LIMITS: _InnerNames = (
    ("generationConfig", ("maxOutputTokens", "max_output_tokens")),
    ("generation_config", ("maxOutputTokens", "max_output_tokens")),
    ("options", ("num_predict",)),
)
_ANSWERS: _Names = ("n", "best_of")
_INNER_ANSWERS: _InnerNames = (
    ("generationConfig", ("candidateCount", "candidate_count")),
    ("generation_config", ("candidateCount", "candidate_count")),
)
_NAMES = frozenset((*_LIMITS, *_ANSWERS, *(name for name, _ in (*_INNER_LIMITS, *_INNER_ANSWERS))))


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
    """Returns the tokens that a request allows all of its answers, in any format; None: no limit.

    Chat and Messages have it on top, Gemini in `generationConfig`, Ollama in `options`. Of several
    the highest counts: which one a provider obeys is not known.
    """
    most = _highest(body, _LIMITS, _INNER_LIMITS)
    return most * answers_wanted(body) if most else None


def answers_wanted(body: JsonObject) -> int:
    """Returns how many answers a request has generated for its prompt.

    They are `n`, or `best_of` of which they are chosen (OpenAI, "Completions"), or Gemini's
    `candidateCount`.
    """
    return _highest(body, _ANSWERS, _INNER_ANSWERS) or 1


def _highest(body: JsonObject, names: _Names, inner_names: _InnerNames) -> int:
    most = 0
    if _NAMES.isdisjoint(body):  # as most clients' requests are
        return most
    for name in names:
        if name in body:
            most = max(most, _count(body[name]))
    for holder, inner in inner_names:
        if holder in body and isinstance(members := body[holder], Mapping):
            for name in inner:
                if name in members:
                    most = max(most, _count(members[name]))
    return most


def _count(value: object) -> int:
    """A number however providers may take it, also `1e3` and `"1000"`; 0 for what is none."""
    if isinstance(value, str) and len(value) < _LONGEST and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 1 <= value < math.inf else 0
