"""When records are counted."""

import pytest

from switchyard.pipeline.measuring import Measuring
from tests.support.runtime import addon_of
from tests.support.runtime import make_runtime

PROVIDERS = 'providers: [{name: p, base-url: "http://p.example/v1", api-key: k, models: [m]}]\n'


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ("", False),
        ("metrics: 127.0.0.1:9464", True),
        ("metrics: {listen: '[::1]:9464'}", True),
        ("management: {key: manage-me-1}", True),
        ("management: {key: manage-me-1}\nmetrics: off", False),
        ("clients: {api-keys: [{key: sk-viewer-1, name: v, role: viewer}]}", True),
    ],
)
def test_records_are_counted_where_somebody_may_look(more: str, counts: bool) -> None:
    runtime = make_runtime(PROVIDERS + more)
    addon_of(runtime, Measuring).configure(set())
    assert ("metrics" in runtime.ledger.counters) == counts
