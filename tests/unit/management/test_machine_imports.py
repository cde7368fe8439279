import stat
from pathlib import Path

import pytest

from switchyard.importers.reading import UnreadableSource
from switchyard.management.machine_imports import ImportPlan
from switchyard.management.machine_imports import machine_sources
from switchyard.management.machine_imports import plan_import
from switchyard.management.machine_imports import write_plan
from tests.unit.importers.examples import CLAUDE_CODE_ROUTER

SOURCE = "claude-code-router"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    found = tmp_path / ".claude-code-router" / "config.json"
    found.parent.mkdir()
    found.write_text(CLAUDE_CODE_ROUTER)
    return found


def plan(file: Path, config: Path, *, is_default: bool) -> ImportPlan:
    return plan_import(SOURCE, file, config, {}, is_default=is_default)


def test_other_routers_are_found(file: Path) -> None:
    assert machine_sources({}) == [(SOURCE, file)]


def test_without_a_file_of_the_user_it_becomes_that_file(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "own" / "config.yaml"
    made = plan(file, config, is_default=True)
    assert (made.output, made.comes_into_force, made.taken) == (config, True, None)
    write_plan(made)
    assert "openrouter" in config.read_text()
    assert "sk-or-hidden-one" not in config.read_text()
    assert "sk-or-hidden-one" in (config.parent / ".env").read_text()
    assert {stat.S_IMODE(one.stat().st_mode) for one in config.parent.iterdir()} == {0o600}


def test_beside_a_configuration_it_has_a_name_of_its_own(file: Path, tmp_path: Path) -> None:
    config, env = tmp_path / "config.yaml", tmp_path / ".env"
    config.write_text("mine")
    env.write_text("MINE=1")
    made = plan(file, config, is_default=False)
    assert (made.output.name, made.comes_into_force) == (f"imported-{SOURCE}.yaml", False)
    assert made.variables is None, "there is a .env already"
    write_plan(made)
    assert "sk-or-hidden-one" in made.output.read_text()
    assert (config.read_text(), env.read_text()) == ("mine", "MINE=1")


def test_nothing_is_written_over(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "new" / "config.yaml"
    first, second = (plan(file, config, is_default=False) for _ in range(2))
    first.output.parent.mkdir()
    first.output.write_text("mine")
    assert second.taken == first.output
    with pytest.raises(FileExistsError):
        write_plan(second)
    assert first.output.read_text() == "mine"
    assert [one.name for one in first.output.parent.iterdir()] == [first.output.name]


def test_what_cannot_be_read_says_so(file: Path, tmp_path: Path) -> None:
    file.write_text("[")
    with pytest.raises(UnreadableSource):
        plan(file, tmp_path / "config.yaml", is_default=False)
