"""The server of one provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.authority import Authority
from tests.unit.accounts.login_support import Provider


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with Authority() as authority:
        yield Provider(authority, tmp_path / "accounts")
