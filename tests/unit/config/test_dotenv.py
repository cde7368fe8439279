"""What `.env` beside a configuration adds, and what is said of a wrong one."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from switchyard.config.dotenv import read_dotenv
from switchyard.config.dotenv import with_dotenv
from switchyard.config.problems import ConfigError
from switchyard.config.reload import ConfigSource

SECRET = "sk-hidden-0123456789"


def test_the_ways_to_write_a_value(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "\ufeff# keys\n\nA=plain\n export B = spaced \nC='single # no comment'\n"
        'D="a \\"quoted\\"\\nline" # comment\nE=abc#def\nF=value # comment\nG=\nH=# nothing\n'
        "I=a=b==\r\nJ=ünïcode\nK='$NOT ${FILLED}'\n"
    )
    assert read_dotenv(file) == {
        "A": "plain",
        "B": "spaced",
        "C": "single # no comment",
        "D": 'a "quoted"\nline',
        "E": "abc#def",
        "F": "value",
        "G": "",
        "H": "",
        "I": "a=b==",
        "J": "ünïcode",
        "K": "$NOT ${FILLED}",
    }


@pytest.mark.parametrize(
    "line",
    [SECRET, f"1A={SECRET}", f"A-B={SECRET}", f"A='{SECRET}", f'A="{SECRET}', f"A: {SECRET}"],
)
def test_a_wrong_line_is_named_and_not_quoted(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"OK=1\n{line}\n")
    with pytest.raises(ConfigError) as raised:
        read_dotenv(file)
    assert str(raised.value) == f"{file}:2: sets no variable. Hint: write NAME=value."


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / "none") == {}
    assert read_dotenv(tmp_path / "none" / ".env") == {}
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_dotenv(tmp_path / "folder")
    (tmp_path / "latin").write_bytes(b"A=\xe4\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_dotenv(tmp_path / "latin")


def test_the_environment_wins_where_it_says_something(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=file\nB=file\nC=file\n")
    assert with_dotenv(file, {"A": "own", "B": ""}) == {"A": "own", "B": "file", "C": "file"}


def key_of(source: ConfigSource) -> str:
    assert source.config
    key = source.config.providers[0].api_key_entries[0].api_key
    assert isinstance(key, SecretStr)
    return key.get_secret_value()


def test_a_configuration_is_filled_in_from_it_and_follows_its_changes(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("providers: [{preset: openai}]\n")
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={SECRET}\n")
    source = ConfigSource(file, {})
    source.load()
    assert key_of(source) == SECRET and source.environ["OPENAI_API_KEY"] == SECRET
    assert source.poll() is None
    (tmp_path / ".env").write_text("OPENAI_API_KEY=another-key-99\n")
    source.poll()
    assert key_of(source) == "another-key-99"
    (tmp_path / ".env").write_text(f"{SECRET}\n")
    problem = source.poll()
    assert isinstance(problem, ConfigError) and SECRET not in str(problem)
    assert key_of(source) == "another-key-99"
