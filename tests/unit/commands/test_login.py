from pathlib import Path

import pytest

from switchyard.commands.login import flows_of_file
from switchyard.commands.login import main
from switchyard.config.problems import ConfigError

CONFIG = """
accounts:
  corp:
    client-id: ${CLIENT}
    device: {url: "https://id.example/device"}
    token: {url: "https://id.example/token"}
providers: [{name: p, base-url: "https://p.example", api-key: {oauth: corp}}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWITCHYARD_ACCOUNTS_DIR", str(tmp_path / "accounts"))
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    (tmp_path / ".env").write_text("CLIENT=own-app\n")
    return path


def test_the_accounts_of_a_configuration_with_its_variables(config: Path) -> None:
    assert flows_of_file(str(config))["corp"].client_id == "own-app"


def test_the_list_has_the_configurations_own_accounts(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--config", str(config)]) == 0
    assert "corp" in capsys.readouterr().out


def test_a_configuration_with_errors_is_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.replace("device:", "devise:"))
    with pytest.raises(ConfigError):
        flows_of_file(str(config))
    assert main(["list", "--config", str(config)]) == 1
    assert "did you mean 'device'" in capsys.readouterr().err
