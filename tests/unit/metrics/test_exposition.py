"""The page as Prometheus reads it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from switchyard.metrics.book import MetricBook
from switchyard.metrics.counting import RecordCounter
from switchyard.metrics.derived import cache_shares
from switchyard.metrics.exposition import written
from switchyard.metrics.families import COST
from switchyard.metrics.families import DURATION
from switchyard.metrics.families import FAMILIES
from switchyard.metrics.families import TOKENS
from switchyard.metrics.families import MetricFamily
from switchyard.metrics.page_server import page_of
from switchyard.usage.records import Tokens
from tests.unit.usage.support import record

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "metrics.md").read_text()


def counted() -> MetricBook:
    book = MetricBook()
    counter = RecordCounter(book)
    counter.count(record(end_ms=2500, queue_ms=3, first_output_ms=500, streamed=True))
    counter.count(record(tokens=Tokens(input=100, cache_read=300)))
    return book


def test_units_are_seconds_and_dollars() -> None:
    text = written(counted().rows(), "")[0].decode()
    samples = {
        (one.name, one.labels.get("le", "")): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
    assert samples[COST.shown_name, ""] == pytest.approx(0.009)
    assert samples[f"{DURATION.shown_name}_sum", ""] == 2.5
    assert samples[f"{DURATION.shown_name}_bucket", "1.0"] == 0
    assert samples[f"{DURATION.shown_name}_bucket", "2.5"] == 1
    assert samples[f"{DURATION.shown_name}_bucket", "600.0"] == 1
    assert samples[f"{DURATION.shown_name}_bucket", "+Inf"] == 1
    assert samples[f"{DURATION.shown_name}_count", ""] == 1


def test_openmetrics_for_those_who_ask() -> None:
    body, content_type = written(counted().rows(), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_the_share_of_cached_input() -> None:
    rows = [
        (TOKENS.name, ("a", "p", "m", "input"), 100),
        (TOKENS.name, ("b", "p", "m", "cache_read"), 250),
        (TOKENS.name, ("b", "p", "m", "cache_write_1h"), 150),
        (TOKENS.name, ("b", "p", "m", "output"), 9000),
    ]
    assert cache_shares(rows) == [("cache_read_ratio", ("p", "m"), 0.5)]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing() -> None:
    body, _ = page_of(counted().rows(), "")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_the_page_of_the_manual_has_each_metric(family: MetricFamily) -> None:
    (row,) = re.findall(rf"^\| `{family.shown_name}` \|([^|]*)\|", PAGE, re.MULTILINE)
    assert tuple(re.findall(r"`([^`]+)`", row)) == family.labels
