"""A sample of `python -m tests.integration.reloads`, which reloads 200 times under load."""

from pathlib import Path

from tests.integration.reloads import prove
from tests.support.upstream import Upstream


def test_reloads_lose_no_request(tmp_path: Path) -> None:
    with Upstream() as upstream:
        proof = prove(tmp_path, 5, upstream)
    assert proof.crossing > 0
