"""Works out what follows from sums, after those of all workers are added up."""

from collections import defaultdict
from collections.abc import Iterable

from switchyard.metrics.book import MetricRow
from switchyard.metrics.families import CACHE_READ
from switchyard.metrics.families import TOKENS

_INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")


def cache_shares(rows: Iterable[MetricRow]) -> list[MetricRow]:
    """Return the share of input tokens read from caches, by provider and model."""
    read: defaultdict[tuple[str, str], float] = defaultdict(float)
    whole: defaultdict[tuple[str, str], float] = defaultdict(float)
    for name, labels, amount in rows:
        if name != TOKENS.name or isinstance(amount, list) or labels[-1] not in _INPUT:
            continue
        _, provider, model, token_class = labels
        whole[provider, model] += amount
        if token_class == "cache_read":
            read[provider, model] += amount
    return [(CACHE_READ.name, target, read[target] / whole[target]) for target in whole]
