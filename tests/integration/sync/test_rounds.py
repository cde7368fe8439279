"""A sample of `python -m tests.integration.sync.rounds`, which takes 100 rounds."""

from pathlib import Path

from tests.integration.sync.rounds import prove


def test_nothing_is_lost(tmp_path: Path) -> None:
    assert prove(tmp_path, 2, seed=7) >= 2
