"""A sample of `python -m tests.integration.metrics`: metrics equal the records."""

from pathlib import Path

from tests.integration.metrics import agree
from tests.support.upstream import Upstream


def test_metrics_of_workers_equal_the_records(tmp_path: Path, upstream: Upstream) -> None:
    agreement = agree(tmp_path, 120, 2, upstream)
    print(agreement.text())
    assert agreement.compared > 10
