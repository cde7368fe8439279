import errno
import json
import logging
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.test import tflow

from switchyard.config.schema import ExchangeLogSettings as Settings
from switchyard.exchange.secrets import concealer_of
from switchyard.recording import exchange_log
from switchyard.recording import export as account_module
from switchyard.recording.exchange_log import ExchangeLog
from switchyard.recording.exchange_log import Folder
from switchyard.recording.export import ExchangeExport
from switchyard.recording.export import Message
from switchyard.recording.export import export_of
from switchyard.recording.export import write_export
from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.metadata import FACTS
from switchyard.redaction.concealing import Concealer
from switchyard.usage.prices import cost_of
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime

NOW = 1_800_000_000.0
SECRET = "sk-secret-of-ours"


def settings(folder: Path, **more: object) -> Settings:
    return Settings.model_validate({"dir": str(folder), **more})


def account(number: int = 0, begun: float = NOW, size: int = 10) -> ExchangeExport:
    body = Message("client-request", "POST /v1\n", b"x" * size, "application/json", "")
    return ExchangeExport(
        f"{number:08x}-rest", begun, {"number": number}, (body,), Concealer([SECRET])
    )


@pytest.fixture
def log() -> Iterator[ExchangeLog]:
    one = ExchangeLog()
    yield one
    one.stop()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_holds_the_exchange_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    call, attempt = tflow.tflow(resp=True), tflow.tflow(err=True)
    attempt.metadata[ATTEMPT] = 1
    call.metadata[FACTS] = {"route": ["chat 429"], "said": SECRET}
    assert call.response
    call.response.headers["content-type"] = "text/event-stream; charset=utf-8"
    call.response.headers["x-quoted"] = f"the key {SECRET}"
    call.response.content = f"data: {SECRET}\n\n".encode()
    call.request.headers["authorization"] = "Bearer unheard-of-token"
    parent = tmp_path / "logs" / "deeper"
    folder, size = write_export(export_of(call, [attempt], Concealer([SECRET])), parent)
    assert names(folder) == [
        "attempt-1-error.txt",
        "attempt-1-request.bin",
        "attempt-1-request.http",
        "client-request.bin",
        "client-request.http",
        "client-response.http",
        "client-response.sse",
        "exchange.json",
    ]
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert size == sum(map(len, files.values()))
    assert files["client-response.sse"] == b"data: ***\n\n"
    assert b"x-quoted: the key ***\n" in files["client-response.http"]
    assert b"authorization: Bearer ***\n" in files["client-request.http"]
    assert not any(SECRET.encode() in content for content in files.values())
    facts = json.loads(files["exchange.json"])
    assert facts["route"] == ["chat 429"]
    assert facts["attempts"][0]["error"] == "error"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert parent.stat().st_mode & 0o777 == 0o700


def test_the_cost_is_told_where_its_price_is_known(tmp_path: Path) -> None:
    call, at = tflow.tflow(resp=True), 1_790_000_000.0
    call.request.timestamp_start = at
    facts = {"tokens": {"input": 1000, "output": 10}, "provider-origin": "https://api.openai.com"}
    call.metadata[FACTS] = {**facts, "provider-model": "gpt-5"}
    folder, _ = write_export(export_of(call, []), tmp_path / "known")
    usd = cost_of(facts["tokens"], "gpt-5", "https://api.openai.com", at)
    assert usd is not None
    told = json.loads((folder / "exchange.json").read_bytes())
    assert told["cost"] == {"usd": float(usd), "basis": "list prices"}
    call.metadata[FACTS] = {**facts, "provider-model": "my-own"}
    folder, _ = write_export(export_of(call, []), tmp_path / "unknown")
    assert "cost" not in json.loads((folder / "exchange.json").read_bytes())


def test_bodies_are_left_out_where_they_are_not_wanted(tmp_path: Path) -> None:
    folder, _ = write_export(export_of(tflow.tflow(resp=True), []), tmp_path, bodies=False)
    assert names(folder) == ["client-request.http", "client-response.http", "exchange.json"]


def test_a_compressed_body_is_written_as_it_reads(tmp_path: Path) -> None:
    call = tflow.tflow()
    call.request.headers["content-type"] = "application/json"
    call.request.content = b'{"model": "m"}'
    call.request.encode("gzip")
    folder, _ = write_export(export_of(call, []), tmp_path)
    assert (folder / "client-request.json").read_bytes() == b'{"model": "m"}'


def test_an_exchange_that_is_written_twice_is_there_once(tmp_path: Path) -> None:
    assert write_export(account(1), tmp_path) == write_export(account(1), tmp_path)
    assert len(names(tmp_path)) == 1


def test_what_is_put_is_written(tmp_path: Path, log: ExchangeLog) -> None:
    for number in range(20):
        log.put(settings(tmp_path / "log"), account(number, time.time()))
    log.stop()
    assert len(names(tmp_path / "log")) == 20
    assert (log.written, log.dropped) == (20, 0)


def test_the_oldest_go_where_it_is_too_much(tmp_path: Path) -> None:
    folder = Folder(settings(tmp_path, **{"max-size": 3000, "max-age": "1000d"}))
    for number in range(6):
        folder.write(account(number, time.time() - 100 + number, size=900))
    kept = [name[-8:] for name in names(tmp_path)]
    assert kept == [f"{number:08x}" for number in (3, 4, 5)]
    # What was there before counts too.
    Folder(settings(tmp_path, **{"max-size": 1000, "max-age": "1000d"}))
    assert [name[-8:] for name in names(tmp_path)] == ["00000005"]


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    folder, now = Folder(settings(tmp_path, **{"max-age": "1000s"})), time.time()
    folder.write(account(1, now - 500))
    folder.write(account(2, now))
    folder.tidy(now + 600)
    assert [name[-8:] for name in names(tmp_path)] == ["00000002"]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    (tmp_path / "20200101T000000.000Z-zzzzzzzz").mkdir()
    ours = tmp_path / "20200101T000000.000Z-00000001"
    ours.mkdir()
    unfinished = tmp_path / ".part-20200101T000000.000Z-00000002"
    unfinished.mkdir()
    Folder(settings(tmp_path)).write(account(3, time.time()))
    assert not ours.exists() and not unfinished.exists()
    assert (tmp_path / "notes" / "mine.txt").read_text() == "mine"
    assert (tmp_path / "20200101T000000.000Z-zzzzzzzz").exists()


def test_a_disk_that_does_not_keep_up_costs_exchanges_that_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    goes_on, began = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        began.set()
        assert goes_on.wait(30)

    monkeypatch.setattr(exchange_log.Folder, "write", slow)
    log = ExchangeLog(most_waiting=3)
    with caplog.at_level(logging.WARNING):
        log.put(settings(tmp_path), account(0))
        assert began.wait(30)
        for number in range(1, 11):
            log.put(settings(tmp_path), account(number))
        assert log.dropped == 7
        goes_on.set()
        log.stop()
    assert log.written == 4
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == ("switchyard: 1 exchange is not in the exchange log: the disk is too slow")
    assert told[-1] == ("switchyard: 6 exchanges are not in the exchange log: the disk is too slow")


def test_the_bytes_that_wait_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, began = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        began.set()
        assert goes_on.wait(30)

    monkeypatch.setattr(exchange_log.Folder, "write", slow)
    log = ExchangeLog(most_bytes=1000)
    log.put(settings(tmp_path), account(0, size=5000))  # alone, it may be larger
    assert began.wait(30)
    log.put(settings(tmp_path), account(1, size=10))
    assert log.dropped == 1
    goes_on.set()
    log.stop()
    assert log.written == 1


def test_a_folder_that_cannot_be_written_to_is_told(
    tmp_path: Path, log: ExchangeLog, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        log.put(settings(file / "logs"), account(1))
        log.stop()
    assert (log.written, log.dropped) == (0, 1)
    assert "is not writable (" in caplog.text
    assert os.fspath(file) in caplog.text


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("NOT TRIED: needs the right to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_of_what_a_full_disk_does_not_take_nothing_stays(
    small: Path, log: ExchangeLog, caplog: pytest.LogCaptureFixture
) -> None:
    filler = small / "filler"
    filler.write_bytes(b"x" * 200 * 1024)
    where = small / "logs"
    with caplog.at_level(logging.WARNING):
        for number in range(1, 41):
            log.put(settings(where), account(number, size=10 * 1024 * (1 + number % 20)))
        wait_for_all(log, 40)
        written, dropped = log.written, log.dropped
        assert written and dropped and written + dropped == 40
        assert not [name for name in names(where) if name.startswith(".")]
        assert len(names(where)) == written
        at_first = [record.getMessage() for record in caplog.records]
        filler.unlink()
        for number in range(41, 51):
            log.put(settings(where), account(number, size=1024))
        log.stop()
    assert log.written == written + 10, "all is well once there is room"
    assert len(names(where)) == log.written
    assert len(at_first) <= 2 and "No space left on device" in at_first[0]
    told = "".join(record.getMessage() for record in caplog.records)
    assert sum(map(int, re.findall(r"(\d+) exchanges? (?:is|are) not", told))) == dropped


@pytest.mark.parametrize("at", ["write", "rename", "mkdir"])
def test_whatever_fails_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "it broke")

    with monkeypatch.context() as broken:
        match at:
            case "write":
                broken.setattr(os, "fdopen", lambda fd, _: (os.close(fd), fail()))
            case "rename":
                broken.setattr(Path, "rename", fail)
            case "mkdir":
                broken.setattr(account_module, "_write_files", fail)
        with pytest.raises(OSError, match="it broke"):
            write_export(account(1), tmp_path)
    assert names(tmp_path) == []
    write_export(account(1), tmp_path)
    assert len(names(tmp_path)) == 1


def test_the_same_trouble_is_told_once_until_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exchange_log, "_TELLS_EVERY", 0.0)
    broken = threading.Event()
    write = exchange_log.Folder.write

    def sometimes(folder: Folder, one: ExchangeExport) -> None:
        if broken.is_set():
            raise OSError(errno.ENOSPC, "No space left on device", f"/x/{one.id}")
        write(folder, one)

    monkeypatch.setattr(exchange_log.Folder, "write", sometimes)
    log, number = ExchangeLog(), 0
    with caplog.at_level(logging.WARNING):
        for fails in (True, False, True):
            (broken.set if fails else broken.clear)()
            for _ in range(5):
                number += 1
                log.put(settings(tmp_path), account(number))
            wait_for_all(log, number)
        log.stop()
    told = [record.getMessage().split(" ")[1] for record in caplog.records]
    assert told == ["1", "4", "1", "4"], "as it begins, when it is over, as it begins, at the end"


def test_what_fails_while_nothing_is_written_does_not_end_the_log(
    tmp_path: Path, log: ExchangeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_log, "_LOOKS_EVERY", 0.01)
    tidied = threading.Event()
    tidy = Folder.tidy

    def fail(self: Folder, now: float) -> None:
        if threading.current_thread() is log._thread and log.written:
            tidied.set()
            raise PermissionError("unforeseen")
        tidy(self, now)

    monkeypatch.setattr(Folder, "tidy", fail)
    log.put(settings(tmp_path), account(1))
    assert tidied.wait(20)
    monkeypatch.setattr(Folder, "tidy", tidy)
    log.put(settings(tmp_path), account(2))
    log.stop()
    assert log.written == 2


def wait_for_all(log: ExchangeLog, count: int) -> None:
    """Returns once so many exchanges were written or dropped."""
    until = time.monotonic() + 60
    while log.written + log.dropped < count:
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("cookie", 'a="status"; b={"id":; c=messages'),
        ("authorization", "Bearer messages"),
        ("x-api-key", '"status":200,"x1'),
        ("cookie", "k=openai-chat-completions"),
        ("x-auth-token", "openai-chat"),
        ("x-api-key", "/v1/chat/completions"),
        ("cookie", "a=claude-3-5-sonnet-20241022"),
    ],
)
def test_a_client_does_not_choose_what_is_taken_out(header: str, value: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(
        runtime, "openai-chat", model := "open/claude-3-5-sonnet-20241022", headers={header: value}
    )
    exchange = pipeline.begin(flow)
    secrets = concealer_of(exchange)
    facts = {
        "id": "1",
        "status": 200,
        "url": "/v1/chat/completions/openai-chat-completions",
        "messages": [],
        "m": model,
    }
    assert secrets.said(facts) == facts
    body = json.dumps(facts).encode()
    assert secrets.data(body) == body


def test_a_long_random_cookie_is_taken_out() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    cookie = {"cookie": "s=ses-91be7aC0ffee4d1f; t=short1"}
    exchange = pipeline.begin(call_flow(runtime, "openai-chat", "m", headers=cookie))
    said = concealer_of(exchange).text("ses-91be7aC0ffee4d1f and short1")
    assert said == "*** and short1"


def test_heads_hold_nothing_that_a_terminal_acts_upon(tmp_path: Path) -> None:
    call = tflow.tflow(resp=True)
    call.request.headers["x-title"] = "a\x1b[2J\x07"
    call.request.path = "/v1/\x1b]0;x"
    call.response.reason = "OK\x1b[1m"  # type: ignore[union-attr]
    folder, _ = write_export(export_of(call, []), tmp_path)
    for path in folder.glob("*.http"):
        assert path.read_text().replace("\n", "").isprintable(), path
    assert json.loads((folder / "exchange.json").read_text())["id"] == call.id
