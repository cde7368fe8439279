"""Counts the record of a request, so that metrics add up to what is on record."""

from collections.abc import Iterable

from switchyard.metrics import families
from switchyard.metrics.book import MetricBook
from switchyard.metrics.label_values import LabelValues
from switchyard.usage.records import FAILED_STATES
from switchyard.usage.records import NO_TOKENS
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord

DISJOINT = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
PARTS = ("reasoning", "input_audio", "output_audio", "images")
"""Members of `Tokens`: those that add up, and those that the former include."""


class RecordCounter:
    """Counts records into a book."""

    def __init__(self, book: MetricBook) -> None:
        self._book = book
        self._values = LabelValues()

    def count(self, record: RequestRecord) -> None:
        """Count a request that ended. Never raises for what a record may hold."""
        value = self._values.of
        key = value("key", record.client_key)
        provider, model = value("provider", record.provider), value("model", record.model)
        format, state = value("format", record.format_in), record.state
        counts: list[tuple[families.MetricFamily, tuple[str, ...], float]] = [
            (families.REQUESTS, (key, format, provider, model, state), 1)
        ]
        if state == "refused":
            counts.append((families.REFUSED, (key, value("class", record.error)), 1))
        elif state in FAILED_STATES:
            failure = value("class", record.error)
            counts.append((families.FAILED, (provider, model, failure), 1))
        for attempt in record.tries:
            target = value("provider", attempt.provider), value("model", attempt.model)
            outcome = value("class", attempt.outcome)
            counts.append((families.ATTEMPTS, (*target, outcome), 1))
        if (tokens := record.tokens) is not NO_TOKENS:
            for name in DISJOINT:
                if amount := getattr(tokens, name):
                    counts.append((families.TOKENS, (key, provider, model, name), amount))
            for name in PARTS:
                if amount := getattr(tokens, name):
                    counts.append((families.TOKEN_PARTS, (key, provider, model, name), amount))
            if record.cost is None and tokens != NO_TOKENS:
                counts.append((families.UNPRICED, (provider, model), 1))
        if record.cost:
            counts.append((families.COST, (key, provider, model), record.cost))
        if record.list_cost:
            counts.append((families.LIST_COST, (key, provider, model), record.list_cost))
        self._book.count(counts, _times(record, (provider, model)))


def _times(
    record: RequestRecord, target: tuple[str, str]
) -> Iterable[tuple[families.MetricFamily, tuple[str, ...], float]]:
    """What histograms take of a record. Requests without an attempt have no target to compare."""
    end, first = record.end_ms, record.first_output_ms
    if end is None or not record.tries:
        return
    yield families.DURATION, target, end
    if record.queue_ms is not None:
        yield families.QUEUE, (), record.queue_ms
        yield families.OVERHEAD, (), max(0, end - _busy(record.tries, end - record.queue_ms))
    if first is None:
        return
    yield families.FIRST_OUTPUT, target, first
    if record.streamed and end > first and (output := record.tokens.output):
        yield families.OUTPUT_RATE, target, output * 1000 / (end - first)


def _busy(tries: tuple[AttemptUsage, ...], longest: int) -> int:
    """Milliseconds in which at least one attempt ran; one whose end is unknown ran to the end.

    `longest`: from the first attempt's begin to the end of the request.
    """
    begun = tries[0].started
    if len(tries) == 1:
        return longest if tries[0].end_ms is None else min(tries[0].end_ms, longest)
    busy, until = 0, 0
    for one in sorted(tries, key=lambda one: one.started):
        start = round((one.started - begun) * 1000)
        end = longest if one.end_ms is None else min(start + one.end_ms, longest)
        busy += max(0, end - max(start, until))
        until = max(until, end)
    return busy
