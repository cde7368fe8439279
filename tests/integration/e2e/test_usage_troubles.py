"""Disks and files out of order, on the real proxy: requests go on, the log says it once."""

import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.usage.sqlite_files import TOTALS_FILE
from switchyard.usage.sqlite_files import month_files
from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.upstream import Upstream
from tests.unit.usage.support import check_sums
from tests.unit.usage.support import rows

PROBLEM = "usage: cannot write records"
AGAIN = "usage: records are written again"


def config(upstream: Upstream, folder: Path) -> dict[str, Any]:
    chat = {"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"}
    return {"providers": [chat], "usage": {"dir": str(folder)}}


def ask(router: Router, count: int = 3) -> None:
    body = {"model": "chat/good", "messages": [{"role": "user", "content": "Well?"}]}
    for _ in range(count):
        answer = httpx2.post(router.url + CHAT.path, json=body, trust_env=False, timeout=60)
        assert answer.is_success


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(
    upstream: Upstream, small_disk: Path, start_router: Callable[..., Router]
) -> None:
    """What was queued meanwhile is written once there is room."""
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    router = start_router(config(upstream, small_disk / "records"))
    router.trouble_expected = True
    said, again = router.will_log(PROBLEM), router.will_log(AGAIN)
    ballast = small_disk / "ballast"
    with ballast.open("wb") as writing, pytest.raises(OSError, match="No space left"):
        while True:
            writing.write(bytes(4096))
            writing.flush()
    ask(router)
    said.wait(60)
    ask(router)
    ballast.unlink()
    again.wait(90)
    ask(router)
    router.stop()
    assert router.log.count(PROBLEM) == 1 and len(rows(small_disk / "records")) == 9
    check_sums(small_disk / "records")


def test_a_disk_that_became_read_only(
    upstream: Upstream, small_disk: Path, start_router: Callable[..., Router]
) -> None:
    folder = small_disk / "records"
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    router = start_router(config(upstream, folder))
    ask(router)
    router.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    router = start_router(config(upstream, folder))
    router.trouble_expected = True
    said = router.will_log(PROBLEM)
    ask(router)
    said.wait(60)
    ask(router)
    router.stop()
    assert router.log.count(PROBLEM) == 1 and len(rows(folder)) == 3


@pytest.mark.parametrize("totals", [True, False], ids=["totals", "rows"])
def test_a_truncated_file(
    upstream: Upstream, tmp_path: Path, start_router: Callable[..., Router], totals: bool
) -> None:
    """It is set aside, and a new one takes its place."""
    folder = tmp_path / "records"
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    router = start_router(config(upstream, folder))
    ask(router)
    router.stop()
    file = folder / TOTALS_FILE if totals else month_files(folder)[0]
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    router = start_router(config(upstream, folder))
    router.trouble_expected = True
    ask(router, 4)
    router.stop()
    assert router.log.count(PROBLEM) == 1 and "set aside" in router.log
    assert len(rows(folder)) == (7 if totals else 4)
    assert [one.name for one in folder.iterdir() if ".damaged-" in one.name]
