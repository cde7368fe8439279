"""Devices of one user in one process: each has folders of its own, and runs commands of `sync`."""

import os
import re
from pathlib import Path

import pytest

from switchyard.config.sealed_secrets import opened
from switchyard.config.sealed_secrets import read_identity
from switchyard.sync.command import main

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"

CONFIG = f"""\
# The router of all my devices.
providers:
  - preset: openrouter  # the usual
    api-key: {KEY}

  # Answers without a key.
  - name: demo
    builtin: demo
    models: [{{name: echo}}]

combos:
  stack: [demo/echo]
"""


class UserDevice:
    """A device: its configuration, and what its commands print."""

    def __init__(self, root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.name = name
        self.config = root / name / "config" / "switchyard" / "config.yaml"
        self.secrets_file = self.config.with_name("secrets.age")
        self.state = root / name / "state"
        self.key = self.state / "switchyard" / "sync" / "device.key"
        self._capsys = capsys
        self.config.parent.mkdir(parents=True)

    def run(self, *words: str, status: int = 0) -> str:
        """Run `sync` with these words; return what it prints, after a look at its exit status."""
        folders = {
            "XDG_CONFIG_HOME": str(self.config.parents[1]),
            "XDG_STATE_HOME": str(self.state),
        }
        with pytest.MonkeyPatch.context() as patched:
            for name in ("SWITCHYARD_CONFIG", "SWITCHYARD_KEYRING", "OPENROUTER_API_KEY"):
                patched.delenv(name, raising=False)
            for name, value in folders.items():
                patched.setenv(name, value)
            self._capsys.readouterr()
            found = main(words)
            printed = self._capsys.readouterr()
        assert found == status, printed
        return printed.out + printed.err

    def edit(self, old: str, new: str) -> None:
        """Replace a part of the configuration, which must be there."""
        text = self.text
        assert old in text
        self.config.write_text(text.replace(old, new))

    @property
    def text(self) -> str:
        return self.config.read_text()

    @property
    def secrets(self) -> dict[str, str]:
        return opened(self.secrets_file.read_bytes(), read_identity(self.key))

    def everything(self) -> dict[str, bytes]:
        """What is in its configuration's folder and in its state, by path; locks left out."""
        return {
            str(path): path.read_bytes()
            for folder in (self.config.parent, self.state)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "lock"
        }


def begin_with(device: UserDevice, address: str, text: str = CONFIG) -> None:
    """Have a device be the first of a remote."""
    device.config.write_text(text)
    device.run("init", address, "--name", device.name)


def let_in(device: UserDevice, address: str, by: UserDevice) -> None:
    """Have a device allowed by another, and pull."""
    card = re.search(rf"{device.name}:age1\S+", device.run("init", address, "--name", device.name))
    assert card is not None
    trust = by.run("allow", card[0]).split("--trust ")[1].split()[0]
    device.run("pull", "--trust", trust)


def git_repository(folder: Path) -> str:
    """Make an empty repository; return its address."""
    assert os.system(f"git init --quiet --bare '{folder}'") == 0
    return str(folder)
