"""One certificate authority for all processes that start at once."""

import subprocess
import sys
from pathlib import Path

import pytest

LOAD = """
import sys
from mitmproxy import certs
from switchyard.engine.shared_authority import share_authority
made = certs.CertStore.create_store
def create(*arguments):
    print("made", flush=True)
    made(*arguments)
certs.CertStore.create_store = create
share_authority()
print("ready", flush=True)
sys.stdin.read()
print(certs.CertStore.from_store(sys.argv[1], "mitmproxy", 2048).default_ca.serial)
"""


def test_one_process_makes_it_and_all_read_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOAD, str(tmp_path / "new" / "folder")]
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={"PYTHONPATH": "addons"})
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin
        process.stdin.close()
    said = []
    for process in started:
        with process:
            assert process.stdout
            said += process.stdout.read().split()
        assert process.returncode == 0
    assert said.count("made") == 1
    assert len(set(said) - {"made"}) == 1


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_folder_that_cannot_be_used_is_mitmproxys_to_report(tmp_path: Path, kind: str) -> None:
    from switchyard.engine.shared_authority import _alone_in

    place = tmp_path / "file"
    place.write_text("")
    with _alone_in(place if kind == "file" else place / "below"):
        pass
