"""What all providers have in common: how a request is judged, and how it is answered."""

import json
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import Protocol

from tests.support.answers import Answer
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded


class Refused(Exception):
    """The provider would answer this request with 400. The text says what is wrong with it."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """What a request means."""

    system: str = ""
    words: list[tuple[str, str]] = field(default_factory=list)
    """Role (user or assistant) and text of what was said, in order, results of tools left out."""
    images: list[tuple[str, bytes]] = field(default_factory=list)
    """Media type and bytes."""
    files: list[tuple[str, bytes]] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """Name and arguments of the calls in the history."""
    results: dict[int, str] = field(default_factory=dict)
    """The results, by the place of their call in `calls`."""
    failed: set[int] = field(default_factory=set)
    """Which results are marked as errors."""
    proofs: list[str] = field(default_factory=list)
    """Signatures of thinking, as they came back."""
    tools: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """Description and JSON schema by name."""
    schema: Any = None
    """JSON schema of the answer that is wished."""
    effort: str | None = None
    """A level, or `on` where the format knows no levels."""
    shown: bool = True
    """Whether the provider lets its thinking be seen, as it was asked."""
    proven: bool = True
    """Whether the provider gives a proof of its thinking, as it was asked."""
    stream: bool = False

    def say(self, role: str, text: str) -> None:
        """Notes words; what the same side said before is gone on with, as Gemini's API has it."""
        before = self.words[-1] if self.words else ("", "")
        if before[0] == role:
            self.words[-1] = (role, before[1] + text)
        else:
            self.words.append((role, text))

    def result(self, at: int | None, text: str, failed: bool = False) -> None:
        """Notes the result of the call at `at`. Raises Refused."""
        demand(at is not None and at not in self.results, f"a result of no open call: {text!r}")
        assert at is not None
        self.results[at] = text
        if failed:
            self.failed.add(at)


class Provider(Protocol):
    """One upstream format."""

    @property
    def format(self) -> str: ...

    @property
    def short(self) -> str: ...

    @property
    def stream_type(self) -> str: ...

    def base_url(self, url: str) -> str:
        """As the official SDK takes it."""
        ...

    def read(self, request: Recorded) -> Asked:
        """What is asked. Raises Refused for what the real provider would answer with 400."""
        ...

    def whole(self, answer: Answer) -> bytes: ...

    def events(self, answer: Answer) -> list[bytes]: ...

    def broken(self, message: str) -> list[bytes]:
        """A stream that begins well and ends in an error."""
        ...

    def error(self, status: int, message: str) -> bytes:
        """The body of an error answer."""
        ...


@dataclass(slots=True)
class Served:
    """What became of the requests to one model."""

    asked: list[Asked] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def serving(
    provider: Provider, served: Served, answers: Iterable[Answer]
) -> list[Callable[[Recorded], Behaviour]]:
    """Reactions that judge a request, note it in `served`, and answer it."""

    def react(request: Recorded, answer: Answer) -> Behaviour:
        served.bodies.append(json.loads(request.body))
        try:
            asked = provider.read(request)
        except (Refused, LookupError, TypeError, ValueError) as refused:
            served.refused.append(repr(refused))
            return whole(provider.error(400, f"refused: {refused!r}"), 400)
        served.asked.append(asked)
        if answer.thinks:
            answer = seen(answer, asked)
        if asked.stream:
            return chunked(*provider.events(answer), content_type=provider.stream_type)
        return whole(provider.whole(answer))

    return [lambda request, answer=answer: react(request, answer) for answer in answers]


def breaking(provider: Provider, message: str) -> Behaviour:
    """A stream that ends in an error after output."""
    return chunked(*provider.broken(message), content_type=provider.stream_type)


def seen(answer: Answer, asked: Asked) -> Answer:
    """The answer, with as much of its thinking as was asked for."""
    shown = answer.thinking if asked.shown else ""
    return replace(answer, thinking=shown, signature=answer.signature if asked.proven else "")


def demand(holds: object, message: str) -> None:
    """Raises Refused unless it holds."""
    if not holds:
        raise Refused(message)


def demand_none(found: list[str]) -> None:
    """Raises Refused if anything was found."""
    demand(not found, "; ".join(found[:3]))


def level_of(budget: int) -> str:
    """The level whose budget a number of tokens is nearest to, by the table of the README."""
    levels = {"minimal": 512, "low": 2_048, "medium": 8_192, "high": 24_576}
    return min(levels, key=lambda level: abs(levels[level] - budget))
