"""A configuration is checked without a start."""

from pathlib import Path

from switchyard.launch.check import check


def test_a_right_file_is_summed_up(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("providers: [{preset: openai}, {preset: groq, optional: true}]\n")
    status, said = check(str(file), {"OPENAI_API_KEY": "sk-some-long-key"})
    assert status == 0
    assert said.splitlines() == [
        "groq is left out: the environment variable GROQ_API_KEY is not set or empty.",
        f"{file} is right: 1 provider (openai).",
    ]
    assert "sk-some-long-key" not in said


def test_every_problem_is_told(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("providers: [{preset: opnai}]\nport: 9000\n")
    status, said = check(str(file), {})
    assert status == 1
    assert "did you mean 'openai'" in said
    assert f"{file}:2: port: is an option of the start and no key of this file" in said
    assert said.endswith(f"{file} has 2 problems.")


def test_the_file_that_a_start_would_take(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert check(None, environ)[0] == 0, "the shipped one"
    folder = tmp_path / "switchyard"
    folder.mkdir()
    (folder / "config.yaml").write_text("providers: [{preset: openai}]\n")
    assert check(None, environ)[0] == 1
    (folder / ".env").write_text("OPENAI_API_KEY=sk-some-long-key\n")
    assert check(None, environ) == (0, f"{folder}/config.yaml is right: 1 provider (openai).")
