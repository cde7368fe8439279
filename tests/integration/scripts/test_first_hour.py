"""A stranger's hour: a fresh clone, and README's commands from top to bottom, as they are printed.

Three things differ from a stranger's machine: the port, which may be taken here; `.venv`, whose
packages are there already (`SWITCHYARD_REAL_CLONE=1` has them installed as printed); and coding
tools, which are stand-ins that show what they are told.
"""

import os
import re
import shutil
import subprocess
import sysconfig
import threading
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest

from scripts.lib.environment import Environment
from tests.support.ports import free_port
from tests.support.router import ROOT
from tests.support.signals import Signal

README = (ROOT / "README.md").read_text()
SHELL = re.compile(r"^```sh$(.*?)^```$", re.MULTILINE | re.DOTALL)
YAML = re.compile(r"^```yaml$(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = "8787"
LIMIT = 300.0
KEYS = {
    "ANTHROPIC_API_KEY": "sk-ant-of-a-stranger-1",
    "OPENROUTER_API_KEY": "sk-or-of-a-stranger-2",
}
STAND_IN = '#!/bin/sh\nenv\necho "started with: $*"\n'


def commands(block: str) -> list[str]:
    """The commands of a block: one a line, but for those that go on after a backslash."""
    lines = block.strip().replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip()]


BLOCKS = [commands(block) for block in SHELL.findall(README)]


@dataclass(slots=True)
class Clone:
    """A checkout of what is committed or about to be, and a stranger's home."""

    folder: Path
    home: Path
    port: str
    environ: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, line: str) -> str:
        return line.replace(PORT, self.port)

    def run(self, line: str) -> str:
        """What a command prints; it must end well."""
        result = subprocess.run(
            ["sh", "-c", self.command(line)],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
        return result.stdout + result.stderr

    def start(self, line: str) -> "Started":
        """Have a command run that goes on until it is stopped."""
        process = subprocess.Popen(
            ["sh", "-c", f"exec {self.command(line)}"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        return Started(process)


class Started:
    """A router in the other terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.log = ""
        self._ready, self._ended = Signal(), Signal()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.log += line
            if "switchyard: ready on " in line:
                self._ready.set()
        self._ended.set()
        self._ready.set()

    def ready(self) -> "Started":
        self._ready.wait(LIMIT)
        assert not self._ended, self.log
        return self

    def stop(self) -> str:
        self._process.terminate()
        assert self._process.wait(LIMIT) == 0, self.log
        self._ended.wait(LIMIT)
        return self.log


def variables_in(shown: str) -> dict[str, str]:
    """What `env` printed."""
    parts = (line.partition("=") for line in shown.splitlines() if "=" in line)
    return {name: value for name, _, value in parts}


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("needs a git checkout")
    folder, home, tools = tmp_path / "switchyard", tmp_path / "home", tmp_path / "bin"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    home.mkdir()
    tools.mkdir()
    for tool in ("claude", "codex"):
        (tools / tool).write_text(STAND_IN)
        (tools / tool).chmod(0o755)
    if not os.environ.get("SWITCHYARD_REAL_CLONE"):
        prepare(folder)
    made = Clone(folder, home, str(free_port()))
    made.environ = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "SWITCHYARD_PORT": made.port,
    }
    yield made
    for process in made.running:
        process.kill()
        process.wait()


def prepare(folder: Path) -> None:
    """An environment that has what this one has, as if it had been installed."""
    environment = Environment(folder)
    venv.create(environment.path, symlinks=True, with_pip=False)
    inside = next(environment.path.glob("lib/python*/site-packages"))
    (inside / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment._write_stamp("requirements.lock")


def test_the_blocks_are_those_that_are_run_here() -> None:
    words = [[line.split()[0] for line in block] for block in BLOCKS]
    assert words == [
        ["scripts/start"],
        ["curl"],
        ["scripts/start", "scripts/start"],
        ["scripts/run-with"] * 3,
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="README's first request is made by curl")
def test_readme_from_top_to_bottom(clone: Clone) -> None:
    (start,), (curl,), (init, own), tools = BLOCKS
    first = clone.start(start).ready()
    said = clone.run(curl)
    for word in ("Hello", " from", " Switchyard", "[DONE]"):
        assert word in said
    assert "stopped after" in first.stop()

    clone.environ |= KEYS
    said = clone.run(init)
    file = clone.home / ".config" / "switchyard" / "config.yaml"
    assert f"wrote {file}" in said and file.is_file()
    # No stranger's key goes anywhere: what the file names is not there.
    file.write_text(re.sub(r"preset: (\w+)", r"{preset: \1, base-url: 'http://127.0.0.1:9'}",
                           file.read_text()))  # fmt: skip
    second = clone.start(own).ready()
    assert "3 providers: anthropic, openrouter, demo" in second.log
    printed, asked, by_proxy = map(clone.run, tools)
    assert "export SWITCHYARD_KEY=switchyard" in printed and "model_provider" in printed
    shown = variables_in(asked)
    assert shown["ANTHROPIC_BASE_URL"] == f"http://127.0.0.1:{clone.port}"
    assert shown["ANTHROPIC_MODEL"] == "my-coding-stack"
    assert not set(shown.values()) & {KEYS["ANTHROPIC_API_KEY"]}
    shown = variables_in(by_proxy)
    assert shown["HTTPS_PROXY"] == f"http://127.0.0.1:{clone.port}"
    assert shown["ANTHROPIC_API_KEY"] == KEYS["ANTHROPIC_API_KEY"], "it keeps its own login"
    log = second.stop()
    assert not any(key in log for key in KEYS.values())

    file.write_text(YAML.findall(README)[0])
    said = subprocess.run(
        ["scripts/start", "--check"], cwd=clone.folder, env=clone.environ, capture_output=True,
        text=True,
    )  # fmt: skip
    assert said.returncode == 1
    names = set(re.findall(r"environment variable (\w+) is not set", said.stderr))
    (file.parent / ".env").write_text("".join(f"{name}=some-long-value\n" for name in names))
    assert f"{file} is right: 3 providers" in clone.run("scripts/start --check")
    clone.start(own).ready().stop()


def test_the_table_of_tools_names_what_run_with_sets() -> None:
    """By hand or by run-with, a tool is told the same."""
    from switchyard.clients.tool_table import read_table

    table = read_table()
    values = {"router": "http://127.0.0.1:8787", "key": "any", "model": "my-coding-stack",
              "no-proxy": "", "files": ""}  # fmt: skip
    for command, title in (("claude", "Claude Code"), ("gemini", "Gemini CLI")):
        (row,) = (line for line in README.splitlines() if line.startswith(f"| {title} |"))
        given = dict(re.findall(r"([A-Z_]{8,})=(\S+)", row))
        assert given, row
        environment = table[command].set_up("base-url", values).environment
        assert {name: environment[name] for name in given} == given
