"""Installs the package as users do: `python -m tests.integration.packages`.

Builds wheel and sdist, and installs each into an empty environment, by pip and by uv, for each
Python that is found. There the command starts the router, asks it, and reports its usage, and
mitmdump runs the script that `switchyard path` prints. Needs a package index; `--dist` takes
archives that were built before.
"""

import argparse
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.12", "3.13")
INSTALLERS = ("pip", "uv")
LIMIT = 120.0
QUESTION = {"model": "demo/echo", "messages": [{"role": "user", "content": "Hello package"}]}


class Installed:
    """An environment with the package in it, for a user with a home of their own."""

    def __init__(self, environment: Path, home: Path) -> None:
        self.bin = environment / "bin"
        self.environment, self.home = environment, home
        self.environ = {"PATH": f"{self.bin}{os.pathsep}{os.defpath}", "HOME": str(home)}

    def say(self, *words: str) -> str:
        """Returns what a command prints. Raises CalledProcessError where it fails."""
        done = subprocess.run(
            words, env=self.environ, cwd=self.home, capture_output=True, text=True, timeout=LIMIT
        )
        if done.returncode:
            raise AssertionError(f"{words}: {done.stderr[-2000:]}")
        return done.stdout

    @contextmanager
    def running(self, *words: str) -> Iterator[str]:
        """A router as long as the block runs; its URL. It must stop by itself, with status 0."""
        process = subprocess.Popen(
            words,
            env=self.environ,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        guard = threading.Timer(LIMIT, process.kill)
        guard.start()
        try:
            log = ""
            for line in process.stdout:
                log += line
                if found := re.search(r"switchyard: ready.*?(http://127\.0\.0\.1:\d+)", line):
                    break
            else:
                raise AssertionError(log)
            yield found[1]
            process.send_signal(signal.SIGTERM)
            log += process.stdout.read()
            assert process.wait() == 0, log
        finally:
            guard.cancel()
            process.kill()
            process.wait()
            process.stdout.close()

    def names(self) -> set[str]:
        """What the package has in `site-packages`: first parts of its files' paths."""
        (record,) = self.environment.glob("lib/python*/site-packages/switchyard-*.dist-info/RECORD")
        with record.open(newline="") as file:
            paths = [Path(row[0]) for row in csv.reader(file)]
        return {path.parts[0] for path in paths if ".." not in path.parts}


def answer_of(url: str) -> str:
    """Returns what the model `demo/echo` of a router answers."""
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        json.dumps(QUESTION).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=LIMIT) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def try_out(installed: Installed) -> None:
    """From nothing to a first answer and its record, then the same under mitmdump."""
    command = str(installed.bin / "switchyard")
    confdir = ("--set", f"confdir={installed.home / 'mitmproxy'}")
    with installed.running(command, "start", "--port", "0", *confdir) as url:
        assert "Hello package" in answer_of(url)
    report = json.loads(installed.say(command, "usage", "--json"))
    assert report["totals"]["requests"] == 1, report
    script = installed.say(command, "path").strip()
    mitmdump = (str(installed.bin / "mitmdump"), "-s", script, "--listen-host", "127.0.0.1")
    with installed.running(*mitmdump, "--listen-port", "0", *confdir) as url:
        assert "Hello package" in answer_of(url)


def build(folder: Path) -> None:
    """Writes wheel and sdist into a folder, by the build backend alone."""
    with tempfile.TemporaryDirectory() as place:
        make_environment(Path(place), sys.executable, "pip")
        install(Path(place), "pip", "--require-hashes", "-r", str(ROOT / "deploy" / "build.lock"))
        python = Path(place) / "bin" / "python"
        subprocess.run([python, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True)


def make_environment(place: Path, python: str, installer: str) -> None:
    """Makes an environment without any package but the installer's own."""
    words = [python, "-m", "venv", *(["--without-pip"] if installer == "uv" else []), str(place)]
    subprocess.run(words, check=True)


def install(place: Path, installer: str, *what: str) -> None:
    """Installs packages or archives with what they need."""
    python = str(place / "bin" / "python")
    if installer == "uv":
        words = [str(find("uv")), "pip", "install", "--quiet", "--python", python, *what]
    else:
        words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    subprocess.run(words, check=True)


def find(name: str) -> str | None:
    return shutil.which(name) or os.environ.get(f"SWITCHYARD_{name.upper()}")


def find_python(version: str) -> str | None:
    """Returns a Python of that version, which may be one of pyenv's."""
    found = shutil.which(f"python{version}")
    for candidate in (found, *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))):
        if candidate is None:
            continue
        words = [str(candidate), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.stdout.strip() == version:
            return str(candidate)
    return None


def check(archive: Path, python: str, installer: str) -> float:
    """Installs an archive and tries it out; returns the seconds that took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        environment, home = Path(place) / "environment", Path(place) / "home"
        home.mkdir()
        make_environment(environment, python, installer)
        install(environment, installer, str(archive))
        installed = Installed(environment, home)
        others = {name for name in installed.names() if not name.endswith(".dist-info")}
        assert others == {"switchyard"}, others
        try_out(installed)
    return time.monotonic() - began


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, metavar="DIR", help="only build, into this folder")
    parser.add_argument("--dist", type=Path, help="a folder with a wheel and an sdist")
    parser.add_argument("--python", action="append", help="a version; by default all supported")
    parser.add_argument("--by", action="append", choices=INSTALLERS)
    asked = parser.parse_args(arguments)
    if asked.build is not None:
        build(asked.build.absolute())
        return 0
    with tempfile.TemporaryDirectory() as made:
        dist = asked.dist or Path(made)
        if asked.dist is None:
            build(dist)
        archives = [*dist.glob("switchyard-*.whl"), *dist.glob("switchyard-*.tar.gz")]
        assert len(archives) == 2, archives
        left_out = 0
        for version in asked.python or PYTHONS:
            for installer in asked.by or INSTALLERS:
                python = find_python(version)
                if python is None or (installer == "uv" and find("uv") is None):
                    left_out += 1
                    print(f"Python {version}, {installer}: left out, it is not here", flush=True)
                    continue
                for archive in archives:
                    seconds = check(archive, python, installer)
                    print(
                        f"Python {version}, {installer}, {archive.name}: {seconds:.0f} s",
                        flush=True,
                    )
    return 1 if left_out and (asked.python or asked.by) else 0


if __name__ == "__main__":
    sys.exit(main())
