from pathlib import Path

import pytest

from switchyard.config.problems import ConfigError
from switchyard.config.sealed_secrets import SealedError
from switchyard.config.sealed_secrets import age_library
from switchyard.config.sealed_secrets import device_key_file
from switchyard.config.sealed_secrets import opened
from switchyard.config.sealed_secrets import read_identity
from switchyard.config.sealed_secrets import read_secrets_file
from switchyard.config.sealed_secrets import sealed

pyrage = age_library()

SECRETS = {"ONE": "sk-1: # 'quoted'", "MANY_LINES": "a\n  b\n\nc\n", "NUMBER": "123", "NO": "no"}


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    identity = pyrage.x25519.Identity.generate()
    device_key_file().parent.mkdir(parents=True)
    device_key_file().write_text(f"# a comment\n{identity}\n")
    return str(identity.to_public())


def test_secrets_come_back(tmp_path: Path, key: str) -> None:
    file = tmp_path / "secrets.age"
    assert read_secrets_file(file) == {}
    file.write_bytes(sealed(SECRETS, [key]))
    assert read_secrets_file(file) == SECRETS
    file.write_bytes(sealed({}, [key]))
    assert read_secrets_file(file) == {}


def test_each_recipient_opens_them_and_no_other() -> None:
    devices = [pyrage.x25519.Identity.generate() for _ in range(3)]
    content = sealed(SECRETS, [str(one.to_public()) for one in devices[:2]])
    assert [opened(content, str(one)) for one in devices[:2]] == [SECRETS, SECRETS]
    with pytest.raises(SealedError, match="not encrypted for the key of this device"):
        opened(content, str(devices[2]))
    with pytest.raises(SealedError, match="or is damaged"):
        opened(content.replace(b"\n", b"\nAAAA", 1), str(devices[0]))


def test_what_cannot_be_read_is_a_problem_of_the_file(tmp_path: Path, key: str) -> None:
    file = tmp_path / "secrets.age"
    file.write_text("ONE: open-0123456789")
    with pytest.raises(ConfigError, match=r"secrets\.age: is not encrypted for .*damaged") as wrong:
        read_secrets_file(file)
    assert "open-0123456789" not in str(wrong.value)
    device_key_file().unlink()
    with pytest.raises(ConfigError, match=r"needs the key .*No such file"):
        read_secrets_file(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secrets_file(file)


@pytest.mark.parametrize("text", ["- a", "a: 1", "a-b: x", "a: {b: c}", "a: [", "\udcff"])
def test_other_contents_are_refused(text: str, tmp_path: Path, key: str) -> None:
    recipient = pyrage.x25519.Recipient.from_str(key)
    content = pyrage.encrypt(text.encode("utf-8", "surrogateescape"), [recipient])
    with pytest.raises(SealedError, match="something else than names with texts"):
        opened(content, read_identity(device_key_file()))


def test_wrong_keys(tmp_path: Path) -> None:
    with pytest.raises(SealedError, match="none of age's"):
        sealed({}, ["age1nonsense"])
    (tmp_path / "key").write_text("nothing")
    with pytest.raises(SealedError, match="holds no AGE-SECRET-KEY"):
        read_identity(tmp_path / "key")


def test_the_library_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrage", None)
    with pytest.raises(SealedError, match=r"pip install 'switchyard\[sync\]'"):
        age_library()
