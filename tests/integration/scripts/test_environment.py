"""scripts/lib/environment.py and ready.py, in real environments, with a package made here."""

import base64
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ENVIRONMENT = Path(__file__).parents[3] / "scripts" / "lib" / "environment.py"
READY = ENVIRONMENT.with_name("ready.py")
LOCK = "requirements.lock"


def make_wheel(folder: Path, version: str) -> str:
    """Write the package `pebble`, whose one fact is its version; return its line for a lock."""
    dist_info = f"pebble-{version}.dist-info"
    files = {
        "pebble.py": f"VERSION = {version!r}\n",
        f"{dist_info}/METADATA": f"Metadata-Version: 2.1\nName: pebble\nVersion: {version}\n",
        f"{dist_info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        record += f"{name},sha256={digest.rstrip('=')},{len(text)}\n"
    files[f"{dist_info}/RECORD"] = record + f"{dist_info}/RECORD,,\n"
    wheel = folder / f"pebble-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return f"pebble=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class Project:
    """A project of its own that has environment.py, lock files and a script."""

    def __init__(self, root: Path, wheels: Path) -> None:
        self.root = root
        self.program = root / "scripts" / "lib" / "environment.py"
        self.program.parent.mkdir(parents=True)
        shutil.copy(ENVIRONMENT, self.program)
        self.environ = {
            **os.environ,
            "HOME": str(root),
            # Without uv, wherever one may be: tests of it put one first.
            "PATH": os.defpath,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
        }

    def lock(self, text: str, name: str = LOCK) -> None:
        (self.root / name).write_text(text)

    def start(self, *arguments: str, python: str | Path = sys.executable) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(python), "-I", str(self.program), *(arguments or (LOCK,))],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, python: str | Path = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, python=python)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "switchyard.json"

    def is_ready(self) -> bool:
        """Whether a start would go on without a look at the environment, as `launch` asks."""
        command = [str(self.python), "-I", "-S", str(READY)]
        command += [str(self.root / ".venv"), str(self.root / LOCK)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert (done.stdout, done.stderr) == (b"", b"")
        return done.returncode == 0

    def installed(self) -> str:
        command = [str(self.python), "-I", "-c", "import pebble; print(pebble.VERSION)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    return tmp_path / "wheels"


@pytest.fixture
def project(tmp_path: Path, wheels: Path) -> Project:
    project = Project(tmp_path / "a project", wheels)
    project.lock(make_wheel(wheels, "1.0"))
    return project


FAKE_UV = """\
#!/bin/sh
# Does with venv and pip what it is asked for, and keeps what that was.
printf '%s\\n' "$*" >> {calls}
case $1 in
    venv) for path; do :; done; exec {python} -I -m venv --clear "$path" ;;
    pip) [ ! -e {broken} ] || exit 2
         shift 4
         exec "$1" -I -m pip install --quiet --no-index --find-links {wheels} "$2" "$3" "$4" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class FakeUv:
    calls: Path
    broken: Path

    def called(self) -> list[str]:
        return [line.split()[0] for line in self.calls.read_text().splitlines()]


@pytest.fixture
def uv(project: Project, wheels: Path, tmp_path: Path) -> FakeUv:
    """A uv that a start finds in `~/.local/bin`."""
    made = FakeUv(tmp_path / "calls", tmp_path / "broken")
    program = project.root / ".local" / "bin" / "uv"
    program.parent.mkdir(parents=True)
    program.write_text(
        FAKE_UV.format(
            calls=made.calls, broken=made.broken, python=shlex.quote(sys.executable), wheels=wheels
        )
    )
    program.chmod(0o755)
    return made


def test_uv_is_used_where_it_is(project: Project, uv: FakeUv, wheels: Path):
    assert project.run().returncode == 0
    assert (project.installed(), uv.called()) == ("1.0", ["venv", "pip"])
    assert project.run(python=project.python).stderr == ""
    project.lock(make_wheel(wheels, "2.0"))
    assert project.run().returncode == 0
    assert (project.installed(), uv.called()) == ("2.0", ["venv", "pip", "pip"])
    assert all("--require-hashes" in line for line in uv.calls.read_text().splitlines()[1:])


def test_where_uv_fails_pip_does_it(project: Project, uv: FakeUv):
    uv.broken.touch()
    done = project.run()
    assert done.returncode == 0, done.stderr
    assert "uv could not install requirements.lock" in done.stderr
    assert project.installed() == "1.0"
    assert project.run().stderr == ""


@pytest.mark.skipif(not (UV := shutil.which("uv")), reason="NOT TRIED: uv is not installed")
def test_the_real_uv(project: Project, wheels: Path, tmp_path: Path):
    program = project.root / ".local" / "bin" / "uv"
    program.parent.mkdir(parents=True)
    program.symlink_to(UV or "")
    project.environ |= {
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheels),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_NO_CONFIG": "1",
    }
    done = project.run()
    assert done.returncode == 0, done.stderr
    assert "uv could not" not in done.stderr and project.installed() == "1.0"
    assert "uv = " in (project.root / ".venv" / "pyvenv.cfg").read_text()
    # The Python of the environment itself may be what makes it anew.
    moved = tmp_path / "moved"
    project.root.rename(moved)
    project.root, project.program = moved, moved / "scripts" / "lib" / "environment.py"
    project.environ["HOME"] = str(moved)
    done = project.run(python=project.python)
    assert done.returncode == 0 and "uv could not" not in done.stderr, done.stderr
    assert project.installed() == "1.0"
    # A hash that is not the file's is refused, by pip too.
    shutil.rmtree(moved / ".venv")
    project.lock("pebble==1.0 --hash=sha256:" + "0" * 64 + "\n")
    done = project.run()
    assert done.returncode == 1 and "pip could not install" in done.stderr
    assert not project.stamp.exists()


def test_installs_once_and_again_when_the_lock_changed(project: Project, wheels: Path):
    first = project.run()
    assert first.returncode == 0, first.stderr
    assert "making a virtual environment" in first.stderr
    assert project.installed() == "1.0"

    # Whoever starts next may be the Python outside or the one inside.
    for python in (sys.executable, project.python):
        again = project.run(python=python)
        assert (again.returncode, again.stderr) == (0, "")

    assert project.is_ready()
    project.lock(make_wheel(wheels, "2.0"))
    assert not project.is_ready()
    changed = project.run()
    assert changed.returncode == 0, changed.stderr
    assert "making a virtual environment" not in changed.stderr
    assert project.installed() == "2.0"


def test_a_lock_that_contains_another_serves_for_both_until_one_changes(
    project: Project, wheels: Path
):
    older, newer = (project.root / LOCK).read_text(), make_wheel(wheels, "2.0")
    project.lock(older, "requirements-test.lock")
    assert project.run("requirements-test.lock").returncode == 0
    assert project.run(LOCK).stderr == ""

    project.lock(newer)
    assert project.run(LOCK).returncode == 0
    assert project.installed() == "2.0"
    # What the test lock asks for is no longer what is there, though that lock did not change.
    assert "installing" in project.run("requirements-test.lock").stderr
    assert project.installed() == "1.0"


def test_becomes_the_script_in_the_environment(project: Project):
    script = project.root / "scripts" / "show.py"
    script.write_text(
        "import json, os, pebble, sys\n"
        "print(json.dumps([os.getpid(), sys.prefix, sys.argv, sys.path[0]]))\n"
    )
    process = project.start(LOCK, "scripts/show.py", "--option", "two words", "")
    out, err = process.communicate()
    assert process.returncode == 0, err
    pid, prefix, argv, path = json.loads(out)
    assert pid == process.pid
    assert Path(prefix) == project.root / ".venv"
    assert argv == [str(script), "--option", "two words", ""]
    assert path != str(script.parent)


def test_a_failed_install_is_told_and_tried_again(project: Project):
    good = (project.root / LOCK).read_text()
    project.lock("pebble==1.0 --hash=sha256:" + "0" * 64 + "\n")
    failed = project.run(LOCK, "scripts/never.py")
    assert not project.is_ready()
    assert failed.returncode == 1
    assert "pip could not install requirements.lock" in failed.stderr
    assert not project.stamp.exists()
    project.lock(good)
    assert project.run().returncode == 0
    assert project.installed() == "1.0"


def test_an_interrupted_install_takes_pip_along_and_is_made_anew(project: Project):
    with socket.create_server(("127.0.0.1", 0)) as index:
        settings = dict(project.environ)
        del project.environ["PIP_NO_INDEX"], project.environ["PIP_FIND_LINKS"]
        project.environ |= {
            "PIP_INDEX_URL": f"http://127.0.0.1:{index.getsockname()[1]}/",
            "no_proxy": "127.0.0.1",
        }
        index.settimeout(300)
        process = project.start()
        connection, _ = index.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 128 + signal.SIGTERM
            connection.settimeout(300)
            while connection.recv(4096):
                pass  # the end comes when pip is gone: its request stays unanswered
        process.communicate()
    assert not project.stamp.exists()
    project.environ = settings
    result = project.run()
    assert result.returncode == 0, result.stderr
    assert project.installed() == "1.0"


def test_of_two_starts_at_once_one_installs(project: Project):
    processes = [project.start(), project.start()]
    told = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert sum("installing requirements.lock" in text for text in told) == 1, told
    assert project.installed() == "1.0"


def test_a_moved_project_gets_a_new_environment(project: Project, tmp_path: Path):
    assert project.run().returncode == 0
    moved = tmp_path / "moved"
    project.root.rename(moved)
    project.root = moved
    project.program = moved / "scripts" / "lib" / "environment.py"
    assert not project.is_ready()
    # scripts/start finds the Python of the old environment, which still runs.
    result = project.run(python=project.python)
    assert result.returncode == 0, result.stderr
    assert "making a virtual environment" in result.stderr
    pip = (moved / ".venv" / "bin" / "pip").read_text()
    assert str(moved) in pip.splitlines()[0] + pip.splitlines()[1]
