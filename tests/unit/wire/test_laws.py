"""Every law, over every ordered pair of formats and every recorded exchange.

A failing test names the records that break its law, and how. The matrix at the end of the run
tells for each pair how many records keep each law.
"""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from switchyard.wire.format import Format
from switchyard.wire.model.events import Failure
from switchyard.wire.registry import FORMATS
from tests.unit.wire import laws
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import records
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import requests
from tests.unit.wire.corpus import streams

type Case = tuple[Record, Callable[[], None]]

MATRIX: dict[tuple[str, str], tuple[int, int]] = {}
"""Records that keep a law, and records tried, by pair and law."""

SHOWN = 20
"""Records that a failing test names."""


@dataclass(frozen=True)
class Pair:
    """An upstream (or client) of format `home`, and a client (or upstream) of format `away`."""

    home: Format
    away: Format

    @property
    def name(self) -> str:
        if self.home is self.away:
            return self.home.name
        return f"{self.home.name} -> {self.away.name}"


_ECHO = {"contentType", "method", "pathname"}
"""The body of a test server that answers with what it was asked, recorded among the rest."""


def _answers(format: Format) -> list[Record]:
    """Records with a whole answer, and no error in its place."""
    return [
        record
        for record in replies(format.name)
        if record.response.keys() != _ECHO and format.find_error(record.response) is None
    ]


def request_identity(pair: Pair) -> Iterator[Case]:
    for r in requests(pair.home.name):
        yield r, lambda r=r: laws.request_identity(pair.home, r.request or {})


def reply_identity(pair: Pair) -> Iterator[Case]:
    for r in _answers(pair.home):
        # A completion recorded among the chats gets the shape of one.
        if r.response.get("object") != "text_completion":
            yield r, lambda r=r: laws.reply_identity(pair.home, r.response)


def fold_unfold(pair: Pair) -> Iterator[Case]:
    for r in _answers(pair.home):
        yield r, lambda r=r: laws.fold_unfold(pair.home, pair.home.read_reply(r.response))


def any_split(pair: Pair) -> Iterator[Case]:
    for r in streams(pair.home.name):
        yield r, lambda r=r: laws.any_split(pair.home, _bytes(r))


def stream_equals_whole(pair: Pair) -> Iterator[Case]:
    for r, events in _streams(pair.home):
        if not any(isinstance(event, Failure) for event in events):
            yield r, lambda e=events: laws.stream_equals_whole(pair.home, e)


def mending(pair: Pair) -> Iterator[Case]:
    for r, _ in _streams(pair.home):
        yield r, lambda r=r: laws.mending_keeps_meaning(pair.home, _bytes(r))


def request_there(pair: Pair) -> Iterator[Case]:
    for r in requests(pair.home.name):
        yield r, lambda r=r: laws.request_there(pair.home, pair.away, r.request or {})


def request_back(pair: Pair) -> Iterator[Case]:
    for r in requests(pair.home.name):
        yield r, lambda r=r: laws.request_there_and_back(pair.home, pair.away, r.request or {})


def reply_there(pair: Pair) -> Iterator[Case]:
    for r in _answers(pair.home):

        def check(r: Record = r) -> None:
            reply = pair.home.read_reply(r.response)
            asked = laws.asked_for(pair.home, pair.away, r.request)
            laws.reply_there(pair.home, pair.away, reply, asked)

        yield r, check


def reply_streamed(pair: Pair) -> Iterator[Case]:
    for r in _answers(pair.home):

        def check(r: Record = r) -> None:
            reply = pair.home.read_reply(r.response)
            asked = laws.asked_for(pair.home, pair.away, r.request)
            laws.reply_streamed(pair.home, pair.away, reply, asked)

        yield r, check


def stream_there(pair: Pair) -> Iterator[Case]:
    for r, events in _streams(pair.home):

        def check(r: Record = r, events: list = events) -> None:
            asked = laws.asked_for(pair.home, pair.away, r.request)
            laws.stream_there(pair.home, pair.away, events, asked)

        yield r, check


def stream_folded(pair: Pair) -> Iterator[Case]:
    for r, events in _streams(pair.home):
        if any(isinstance(event, Failure) for event in events):
            continue

        def check(r: Record = r, events: list = events) -> None:
            asked = laws.asked_for(pair.home, pair.away, r.request)
            laws.stream_folded(pair.home, pair.away, events, asked)

        yield r, check


def no_false_errors(pair: Pair) -> Iterator[Case]:
    """No successful answer is taken for an error, whole or streamed."""
    for r in replies(pair.home.name):
        yield r, lambda r=r: _assert_no_error(pair.home, r)


def errors_found(pair: Pair) -> Iterator[Case]:
    """Every recorded error is found, and told again in the same words with its status."""
    for r in records(pair.home.name):
        if r.status >= 400 and isinstance(r.response, dict):
            yield r, lambda r=r: _assert_error(pair, r)


ALONE = (
    request_identity,
    reply_identity,
    fold_unfold,
    any_split,
    stream_equals_whole,
    mending,
    no_false_errors,
)
BETWEEN = (
    request_there,
    request_back,
    reply_there,
    reply_streamed,
    stream_there,
    stream_folded,
    errors_found,
)

CASES = [
    (Pair(home, away), law)
    for home in FORMATS.values()
    for away in FORMATS.values()
    for law in ((*ALONE, *BETWEEN) if home is away else BETWEEN)
]


@needs_corpus
@pytest.mark.parametrize(
    ("pair", "law"), CASES, ids=[f"{pair.name}:{law.__name__}" for pair, law in CASES]
)
def test_law(pair: Pair, law: Callable[[Pair], Iterator[Case]]) -> None:
    broken: list[str] = []
    tried = 0
    for record, check in law(pair):
        tried += 1
        try:
            check()
        except Exception as e:
            broken.append(f"{record.id}: {type(e).__name__}: {str(e)[:600]}")
    MATRIX[pair.name, law.__name__] = (tried - len(broken), tried)
    assert not broken, f"{len(broken)} of {tried} records:\n" + "\n".join(broken[:SHOWN])


def _streams(format: Format) -> Iterator[tuple[Record, list]]:
    """Recorded streams with their events; without those that are no answer of the format."""
    for record in streams(format.name):
        events = laws.read_stream(format, _bytes(record))
        if laws.is_answer(events):
            yield record, events


def _bytes(record: Record) -> bytes:
    return (record.sse or "").encode()


def _assert_no_error(format: Format, record: Record) -> None:
    error = format.find_error(record.response)
    assert error is None or "error" in record.features, f"taken for an error: {error}"


def _assert_error(pair: Pair, record: Record) -> None:
    error = pair.home.find_error(record.response)
    assert error is not None, "the error was not found"
    status, body = pair.away.write_error(error)
    again = pair.away.find_error(body)
    assert again is not None and again.message == error.message
    assert 400 <= status < 600
    if pair.home is pair.away:
        assert body == record.response


def test_the_laws_can_be_broken() -> None:
    with pytest.raises(AssertionError, match="text"):
        laws.assert_same({"text": "two words"}, {"text": "two"})
