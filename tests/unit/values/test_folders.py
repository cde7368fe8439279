from pathlib import Path

import pytest

from switchyard.values.folders import state_folder


@pytest.mark.parametrize("value", [None, "", "relative"])
def test_the_default(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    if value is None:
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_STATE_HOME", value)
    assert state_folder() == Path("/home/me/.local/state/switchyard")


def test_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "switchyard"
    assert not list(tmp_path.iterdir())
