"""Writes metrics as Prometheus reads them, by prometheus-client. Imported when they are shown."""

from collections.abc import Iterable
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from switchyard.metrics.book import MetricRow
from switchyard.metrics.families import FAMILIES
from switchyard.metrics.families import MetricFamily


def written(rows: Iterable[MetricRow], accept: str) -> tuple[bytes, str]:
    """Return the text of metrics and its content type, as an `Accept` header asks for it."""
    encode, content_type = choose_encoder(accept)
    return encode(_Rows(rows)), content_type


class _Rows(Collector):
    """Rows as a collector of prometheus-client."""

    def __init__(self, rows: Iterable[MetricRow]) -> None:
        self._rows: dict[str, list[MetricRow]] = {}
        for row in rows:
            self._rows.setdefault(row[0], []).append(row)

    def collect(self) -> Iterator[Metric]:
        for name, family in FAMILIES.items():
            yield _metric(family, sorted(self._rows.get(name, ()), key=lambda row: row[1]))


def _metric(family: MetricFamily, rows: list[MetricRow]) -> Metric:
    name = f"switchyard_{family.name}"
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
        for _, labels, figures in rows:
            assert isinstance(figures, list)
            histogram.add_metric(
                labels, _buckets(family, figures[:-1]), sum_value=figures[-1] * family.scale
            )
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(name, family.help, labels=family.labels)
    for _, labels, amount in rows:
        assert not isinstance(amount, list)
        metric.add_metric(labels, amount * family.scale)
    return metric


def _buckets(family: MetricFamily, counts: list[float]) -> list[tuple[str, float]]:
    """Return bounds with how many values are not above them."""
    bounds = [str(float(f"{bound * family.scale:g}")) for bound in family.buckets]
    total, buckets = 0.0, []
    for bound, count in zip([*bounds, "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
