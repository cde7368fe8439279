"""The command `service`, with managers that note what they are asked."""

import os
import platform
import plistlib
from pathlib import Path

import pytest

from switchyard.commands import service
from switchyard.commands.service import ServiceError
from switchyard.commands.service import main
from switchyard.commands.service import service_environ
from switchyard.commands.service import service_of
from switchyard.commands.service_files import MARK
from tests.support.router import ROOT

CONFIG = "providers: [{name: p, base-url: 'http://127.0.0.1:9/v1', api-key: '${KEY}'}]\n"
UNIT = ".config/systemd/user/switchyard.service"
AGENT = "Library/LaunchAgents/switchyard.router.plist"


class Manager:
    """Stands in for systemctl and launchctl; `asked` is what they were called with."""

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "notes"
        self._fails = folder / "fails"
        self._notes.touch()
        for name in ("systemctl", "launchctl"):
            program = folder / name
            program.write_text(
                f'#!/bin/sh\necho {name} "$@" >> {self._notes}\n'
                f'if [ -e {self._fails} ]; then echo "no bus" >&2; exit 1; fi\n'
            )
            program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return self._notes.read_text().splitlines()

    def fail(self) -> None:
        self._fails.touch()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    (tmp_path / "bin").mkdir()
    (tmp_path / "home" / ".config" / "switchyard").mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith(("XDG_", "SWITCHYARD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}")
    return Manager(tmp_path / "bin")


@pytest.fixture
def home(manager: Manager, tmp_path: Path) -> Path:
    """A home whose configuration has its key in `.env`."""
    folder = tmp_path / "home"
    (folder / ".config" / "switchyard" / "config.yaml").write_text(CONFIG)
    (folder / ".config" / "switchyard" / ".env").write_text("KEY=sk-of-the-service\n")
    return folder


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch):
    """Has the command find itself on a system."""

    def choose(system: str) -> None:
        original = service_of
        monkeypatch.setattr(
            service, "service_of", lambda words, environ: original(words, environ, system)
        )

    return choose


@pytest.mark.skipif(platform.system() != "Linux", reason="of Linux")
def test_install_status_remove(
    home: Path, manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install", "--", "--port", "8800"]) == 0
    unit = (home / UNIT).read_text()
    assert f'ExecStart="{ROOT}/scripts/start" "--port" "8800"\n' in unit
    assert "sk-of-the-service" not in unit
    assert manager.asked == [
        "systemctl --user daemon-reload",
        "systemctl --user enable --quiet switchyard.service",
        "systemctl --user restart switchyard.service",
    ]
    assert "enable-linger" in capsys.readouterr().out
    assert main(["status"]) == 0
    assert manager.asked[-1] == "systemctl --user --no-pager status switchyard.service"
    assert main(["remove"]) == 0
    assert not (home / UNIT).exists()
    assert manager.asked[-2:] == [
        "systemctl --user disable --now --quiet switchyard.service",
        "systemctl --user daemon-reload",
    ]


def test_an_agent_of_launchd(home: Path, manager: Manager, on) -> None:
    on("Darwin")
    assert main(["install"]) == 0
    agent = plistlib.loads((home / AGENT).read_bytes())
    assert agent["ProgramArguments"] == [f"{ROOT}/scripts/start"]
    domain = f"gui/{os.getuid()}"
    assert manager.asked == [f"launchctl bootstrap {domain} {home / AGENT}"]
    assert main(["install"]) == 0  # anew, by launchd's rules
    assert manager.asked[1:] == [
        f"launchctl bootout {domain}/switchyard.router",
        f"launchctl bootstrap {domain} {home / AGENT}",
    ]
    assert main(["remove"]) == 0
    assert not (home / AGENT).exists()


def test_a_named_configuration_is_found_from_any_folder(
    home: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch, on
) -> None:
    on("Linux")
    (home / "my.yaml").write_text("providers: [{name: demo, builtin: demo}]\n")
    monkeypatch.chdir(home)
    for words in (["install", "my.yaml"], ["install", "--", "--config=my.yaml"]):
        assert main(words) == 0
        assert f'{home}/my.yaml"\n' in (home / UNIT).read_text()
    monkeypatch.setenv("SWITCHYARD_CONFIG", "my.yaml")
    assert main(["install"]) == 0
    assert f'"--config" "{home}/my.yaml"\n' in (home / UNIT).read_text()


def test_a_key_of_the_shell_alone_is_not_enough(
    home: Path,
    manager: Manager,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    on,
) -> None:
    on("Linux")
    (dotenv := home / ".config" / "switchyard" / ".env").unlink()
    monkeypatch.setenv("KEY", "sk-of-the-shell")
    assert main(["install"]) == 1
    message = capsys.readouterr().err
    assert "KEY" in message and str(dotenv) in message and "sk-of" not in message
    assert not (home / UNIT).exists() and not manager.asked


def test_a_file_of_others_stays(
    home: Path, manager: Manager, capsys: pytest.CaptureFixture[str], on
) -> None:
    on("Linux")
    (home / UNIT).parent.mkdir(parents=True)
    (home / UNIT).write_text("[Service]\nExecStart=/usr/bin/other\n")
    assert main(["install"]) == main(["remove"]) == 1
    assert "other" in (home / UNIT).read_text() and not manager.asked
    assert "was not written by this program" in capsys.readouterr().err
    (home / UNIT).write_text(f"{MARK}\n")
    assert main(["install"]) == 0


def test_a_dry_run_changes_nothing(
    home: Path, manager: Manager, capsys: pytest.CaptureFixture[str], on
) -> None:
    on("Linux")
    assert main(["install", "--dry-run"]) == 0
    assert "[Service]" in capsys.readouterr().out
    assert not (home / UNIT).exists() and not manager.asked


def test_what_the_manager_reports_is_shown(
    home: Path, manager: Manager, capsys: pytest.CaptureFixture[str], on
) -> None:
    on("Linux")
    manager.fail()
    assert main(["install"]) == 1
    assert "systemctl --user daemon-reload failed: no bus" in capsys.readouterr().err


def test_without_a_service_there_is_none_to_show(
    home: Path, manager: Manager, capsys: pytest.CaptureFixture[str], on
) -> None:
    on("Linux")
    assert main(["status"]) == main(["remove"]) == 1
    assert "no service is installed" in capsys.readouterr().out
    assert not manager.asked


def test_without_a_manager_the_remedy_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on
) -> None:
    on("Linux")
    monkeypatch.setenv("PATH", str(home))
    assert main(["install"]) == 1
    assert "systemctl is not here" in capsys.readouterr().err
    assert not (home / UNIT).exists()


def test_other_systems_have_none(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="Linux and macOS alone"):
        service_of([], {"HOME": str(tmp_path)}, "Windows")


def test_the_service_has_no_key_of_the_shell() -> None:
    environ = {"PATH": "/bin", "HOME": "/h", "OPENAI_API_KEY": "sk-1", "SWITCHYARD_CONFIG": "c"}
    assert service_environ(environ) == {"PATH": "/bin", "HOME": "/h", "SWITCHYARD_CONFIG": "c"}
