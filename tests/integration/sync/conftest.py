from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.devices import UserDevice

type Maker = Callable[[str], UserDevice]


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Maker:
    return lambda name: UserDevice(tmp_path, name, capsys)
