"""A sample of `python -m tests.integration.records`, which sends 10,000 requests."""

from pathlib import Path

from tests.integration.records import prove
from tests.support.upstream import Upstream

REQUESTS = 400


def test_each_request_is_one_row(tmp_path: Path, upstream: Upstream) -> None:
    proof = prove(tmp_path, REQUESTS, upstream)
    print(proof.text())
    assert proof.states["complete"] and proof.states["refused"] and proof.left
    assert proof.lost <= REQUESTS // 8
