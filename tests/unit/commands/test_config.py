"""The command `config`: what it prints, what it writes, and its exit status."""

from pathlib import Path

import pytest

from switchyard.commands.config import CommandError
from switchyard.commands.config import main
from switchyard.commands.config import put
from switchyard.commands.config import steps_of
from switchyard.commands.config import take
from switchyard.management.audit import Audit

TEXT = """\
# mine
providers:
  - name: a   # the first
    base-url: https://a.example/v1
    api-key: sk-aaaaaaaaaa1234
    models: [m]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(f"{TEXT}usage: {{dir: {tmp_path}/usage}}\n")
    return path


def run(file: Path, *arguments: str) -> int:
    return main(["--file", str(file), *arguments])


def test_check_has_a_line_for_each_problem(file: Path, capsys) -> None:
    assert run(file, "check") == 0
    file.write_text(file.read_text() + "retry: {x: 1}\ny: 2\n")
    assert run(file, "check") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{file}:") for line in lines)


def test_check_takes_files_as_hooks_name_them(file: Path, capsys) -> None:
    bad, missing = file.with_name("bad.yaml"), file.with_name("missing.yaml")
    bad.write_text("providers: []\n")
    assert main(["check", str(file)]) == 0
    assert main(["check", str(bad), str(file), str(missing)]) == 1
    told = capsys.readouterr()
    assert [line.split(":")[0] for line in told.err.splitlines()] == [str(bad), str(missing)]
    assert told.out == 2 * f"{file} is valid: 1 live provider\n"


def test_get_shows_no_secret(file: Path, capsys) -> None:
    assert run(file, "get") == 0
    assert run(file, "get", "providers.a.api-key") == 0
    out = capsys.readouterr().out
    assert "sk-...1234" in out and "aaaaaaaa" not in out
    assert run(file, "get", "providers.b") == 1


def test_get_of_a_file_that_is_not_there_says_so(file: Path, capsys) -> None:
    missing = file.with_name("missing.yaml")
    assert run(missing, "get") == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err == f"config: {missing}: No such file or directory\n"


def test_set_and_unset_keep_the_rest(file: Path, tmp_path: Path, capsys) -> None:
    before = file.read_text()
    assert run(file, "set", 'aliases."glm-4.7"', "a/m", "--dry-run") == 0
    assert file.read_text() == before
    assert run(file, "set", 'aliases."glm-4.7"', "a/m") == 0
    assert file.read_text() == f"{before}\naliases:\n  glm-4.7: a/m\n"
    assert run(file, "set", "providers[0].models", "[m, n]") == 0
    assert "models: [m, n]" in file.read_text() and "# the first" in file.read_text()
    assert run(file, "unset", "aliases") == 0
    assert "aliases" not in file.read_text()
    rows = Audit(tmp_path / "management").rows()
    assert [one.via for one in rows] == ["shell"] * 3
    assert "aaaaaaaa" not in capsys.readouterr().out + str(rows)


def test_a_wrong_value_is_not_written(file: Path) -> None:
    before = file.read_text()
    assert run(file, "set", "retry.request-retry", "many") == 1
    assert file.read_text() == before


def test_history_diff_and_restore(file: Path, capsys) -> None:
    before = file.read_text()
    assert run(file, "set", "aliases.x", "a/m") == 0
    capsys.readouterr()
    assert run(file, "history") == 0
    oldest = capsys.readouterr().out.splitlines()[-1].split()[0]
    assert run(file, "diff") == 0
    assert "+  x: a/m" in capsys.readouterr().out
    assert run(file, "restore", oldest) == 0
    assert file.read_text() == before
    assert run(file, "restore", "0000000000000-0000000000000000") == 1


def test_explain(file: Path, capsys) -> None:
    assert run(file, "explain", "m") == 0
    assert "a: m | " in capsys.readouterr().out
    assert run(file, "explain", "nowhere/x") == 1
    assert "no model 'nowhere/x'" in capsys.readouterr().out


def test_paths() -> None:
    assert steps_of('a.b[0]."c.d"') == ["a", "b", 0, "c.d"]
    values: dict = {"l": [{"name": "x", "v": 1}]}
    put(values, ["l", "x", "v"], 2)
    put(values, ["new", "deep"], 3)
    put(values, ["l", 1], "y")
    take(values, ["l", 0])
    assert values == {"l": ["y"], "new": {"deep": 3}}
    with pytest.raises(CommandError):
        take(values, ["l", 7])
