"""The file of keys that the router owns."""

from pathlib import Path

import pytest

from switchyard.config.keys_file import read_keys
from switchyard.config.problems import ConfigError

HASH = "sha256:" + "0a" * 32


def test_no_file_means_no_keys(tmp_path: Path) -> None:
    assert read_keys(tmp_path / "keys.yaml", {}) == ()


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "api-keys: []\n"])
def test_an_empty_file_means_no_keys(tmp_path: Path, content: str) -> None:
    (file := tmp_path / "keys.yaml").write_text(content)
    assert read_keys(file, {}) == ()


def test_keys_have_the_schema_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"api-keys:\n  - {{id: abc, name: ann, key-hash: '{HASH}', blocked: true}}\n")
    (key,) = read_keys(file, {})
    assert (key.id, key.label, key.key_hash, key.blocked) == ("abc", "ann", HASH, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"api-keys:\n  - {name: ann}\n", "has no key"),
        (b"keys: []\n", "keys"),
        (b"api-keys:\n  - {key-hash: 'sha256:12'}\n", "is no hash of a key"),
    ],
)
def test_problems_name_the_file(tmp_path: Path, content: bytes, words: str) -> None:
    (file := tmp_path / "keys.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_keys(file, {})
    assert words in str(caught.value) and "keys.yaml" in str(caught.value)


def test_a_key_extends_a_policy_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"api-keys:\n  - {{name: ann, key-hash: '{HASH}', extends: interns}}\n")
    assert len(read_keys(file, {}, ["interns"])) == len(read_keys(file, {})) == 1
    with pytest.raises(ConfigError) as caught:
        read_keys(file, {}, ["staff"])
    assert "keys.yaml:2: api-keys[0].extends: unknown policy 'interns'" in str(caught.value)


def test_what_is_no_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_keys(tmp_path, {})
