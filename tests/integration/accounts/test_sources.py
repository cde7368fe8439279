"""Credentials from files and programs, through a router of its own."""

import ctypes
import os
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.authority import Authority
from tests.support.router import Router

_CLOSE_WRITE, _MODIFY, _ATTRIB, _MOVED_TO, _CREATE, _DELETE = 0x8, 0x2, 0x4, 0x80, 0x100, 0x200
_EVENT = struct.Struct("iIII")


class Writes:
    """What is written in a folder, as inotify(7) reports it."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK)
        mask = _CLOSE_WRITE | _MODIFY | _ATTRIB | _MOVED_TO | _CREATE | _DELETE
        assert libc.inotify_add_watch(self._fd, os.fsencode(folder), mask) >= 0

    def take(self) -> list[tuple[str, int]]:
        found, data = [], b""
        while True:
            try:
                data += os.read(self._fd, 1 << 20)
            except BlockingIOError:
                break
        while data:
            _, mask, _, size = _EVENT.unpack_from(data)
            name = data[_EVENT.size : _EVENT.size + size].rstrip(b"\0").decode()
            found.append((name, mask))
            data = data[_EVENT.size + size :]
        return found

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as made:
        yield made


def provider(authority: Authority, source: object, **more: object) -> dict[str, object]:
    entries = source if isinstance(source, list) else [{"api-key": source}]
    url = f"{authority.url}/v1"
    return {"name": "p", "base-url": url, "api-key-entries": entries, "models": ["m"], **more}


def ask(router: Router) -> httpx2.Response:
    body = {"model": "p/m", "messages": [{"role": "user", "content": "Well?"}]}
    return httpx2.post(f"{router.url}{CHAT.path}", json=body, timeout=60, trust_env=False)


def token(number: int) -> str:
    return f"tok-Rotated-{number:04}-3c77d0"


def processes_of(router: Router) -> str:
    """What the system shows of the router's processes: command lines and environments."""
    shown = ""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            if str(router.pid) in (entry.name, parent):
                shown += (entry / "cmdline").read_bytes().decode("latin-1")
                shown += (entry / "environ").read_bytes().decode("latin-1")
        except OSError:
            continue  # it ended meanwhile
    assert "mitmproxy" in shown or "switchyard" in shown
    return shown


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
@pytest.mark.parametrize("by", ["replacing", "overwriting"])
def test_a_file_that_its_owner_rewrites_under_load(
    start_router: Callable[..., Router], authority: Authority, tmp_path: Path, by: str
) -> None:
    """The owner renews its token, which ends the old one at once, while requests run."""
    folder = tmp_path / "owner"
    folder.mkdir()
    path = folder / "auth.json"
    path.write_text(f'{{"tokens": {{"access_token": "{token(0)}"}}}}')
    authority.valid = {token(0)}
    dump = tmp_path / "flows.dump"
    source = {"file": str(path), "json": "$.tokens.access_token"}
    rows = tmp_path / "usage"
    config = {"providers": [provider(authority, source)], "usage": {"dir": str(rows)}}
    router = start_router(config, "-w", str(dump))
    assert ask(router).status_code == 200
    writes = Writes(folder)
    stop = threading.Event()
    answers: list[httpx2.Response] = []

    def load() -> None:
        while not stop.is_set():
            answers.append(ask(router))

    rewrites = 12
    with ThreadPoolExecutor(6) as pool:
        for _ in range(6):
            pool.submit(load)
        for number in range(1, rewrites + 1):
            seen = len(answers)
            text = f'{{"tokens": {{"access_token": "{token(number)}"}}}}'
            authority.valid = {token(number)}
            if by == "replacing":
                (folder / "new").write_text(text)
                os.replace(folder / "new", path)
            else:
                path.write_text(text)
            while len(answers) < seen + 12:
                threading.Event().wait(0.01)
        stop.set()
    assert Counter(answer.status_code for answer in answers) == {200: len(answers)}
    assert all(GOOD in answer.text for answer in answers)
    mine = Counter(mask for name, mask in writes.take() if name == path.name and mask & ~_MODIFY)
    writes.close()
    assert mine == {(_MOVED_TO if by == "replacing" else _CLOSE_WRITE): rewrites}
    assert sorted(os.listdir(folder)) == ["auth.json"]
    running = processes_of(router)
    router.stop()
    kept = [one for one in (*router.directory.rglob("*"), *rows.rglob("*")) if one.is_file()]
    assert any(one.parent == rows and one.stat().st_size for one in kept)
    left = running + "".join(one.read_bytes().decode("latin-1") for one in kept)
    left += router.log + dump.read_bytes().decode("latin-1")
    left += "".join(answer.text + str(answer.headers) for answer in answers)
    assert "tok-Rotated" not in left and "3c77d0" not in left


def test_one_run_of_a_program_serves_a_burst(
    start_router: Callable[..., Router], authority: Authority, tmp_path: Path
) -> None:
    count = tmp_path / "runs"
    code = (
        f"import time; open({str(count)!r}, 'a').write('x'); time.sleep(0.5); "
        "print('tok-Printed-91be7a')"
    )
    authority.valid = {"tok-Printed-91be7a"}
    command = [sys.executable, "-c", code]
    router = start_router({"providers": [provider(authority, {"command": command})]})
    with ThreadPoolExecutor(30) as pool:
        answers = [future.result() for future in [pool.submit(ask, router) for _ in range(30)]]
    assert [answer.status_code for answer in answers] == [200] * 30
    assert count.read_text() == "x"
    commands = Path(f"/proc/{router.pid}/cmdline").read_bytes() if sys.platform == "linux" else b""
    assert b"91be7a" not in commands and "91be7a" not in router.log


def test_a_dead_source_cools_down_with_its_remedy_and_returns(
    start_router: Callable[..., Router], authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    authority.valid = {"tok-Late-44d1f3", "plain-key-77aa"}
    entries = [{"api-key": {"file": str(path)}, "priority": 1}, "plain-key-77aa"]
    router = start_router({"providers": [provider(authority, entries)]})
    lost = router.will_log("cannot be read: No such file")
    assert ask(router).status_code == 200
    lost.wait()
    health = httpx2.get(f"{router.url}/v0/health/providers", timeout=60, trust_env=False).text
    assert "Log in with the tool that owns it" in health
    found = router.will_log("gives a credential again")
    path.write_text("tok-Late-44d1f3")
    found.wait()
    assert ask(router).status_code == 200
    assert authority.calls["tok-Late-44d1f3", 200] == 1


def test_no_optional_library_is_imported_unless_it_is_needed(
    start_router: Callable[..., Router], authority: Authority
) -> None:
    authority.valid = {"plain-key-77aa"}
    router = start_router(
        {"providers": [provider(authority, ["plain-key-77aa"])]},
        env={"PYTHONPROFILEIMPORTTIME": "1"},
    )
    assert ask(router).status_code == 200
    router.stop()
    imported = {line.rpartition("|")[2].strip() for line in router.log.splitlines()}
    unwanted = {"google.auth", "azure.identity", "keyring", "botocore", "authlib", "segno"}
    assert "switchyard.accounts.accounts" in imported
    assert not imported & unwanted
