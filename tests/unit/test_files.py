"""Which configuration is used, and which `.env` stands beside it."""

from pathlib import Path

import pytest

from switchyard.files import DEFAULT_CONFIG
from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.files import user_config


def test_the_order_in_which_a_configuration_is_looked_for(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert choose_config(None, environ) == DEFAULT_CONFIG
    own = user_config(environ)
    assert own == tmp_path / "switchyard" / "config.yaml"
    own.parent.mkdir()
    own.write_text("providers: []\n")
    assert choose_config(None, environ) == own
    environ["SWITCHYARD_CONFIG"] = "/elsewhere.yaml"
    assert choose_config(None, environ) == Path("/elsewhere.yaml")
    assert choose_config("named.yaml", environ) == Path("named.yaml")


@pytest.mark.parametrize("value", [None, "", "relative/folder"])
def test_without_a_useful_variable_it_is_below_home(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {} if value is None else {"XDG_CONFIG_HOME": value}
    assert user_config(environ) == tmp_path / ".config" / "switchyard" / "config.yaml"


def test_the_variables_beside_a_configuration(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert dotenv_of(Path("/a/b.yaml"), environ) == Path("/a/.env")
    assert dotenv_of(DEFAULT_CONFIG, environ) == tmp_path / "switchyard" / ".env"
