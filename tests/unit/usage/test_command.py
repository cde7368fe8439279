"""The command: its reports on a terminal, as JSON and CSV, and the status line."""

import csv
import io
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from switchyard.usage import command
from switchyard.usage.plans import PaidPlan
from switchyard.usage.reader import OldTables
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import Tokens
from switchyard.usage.schema import NEWER_SUMS
from switchyard.usage.schema import ROLLUPS
from switchyard.usage.schema import TOTAL_TABLES
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.sqlite_files import TOTALS_FILE
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from tests.unit.usage.support import record

NOW = time.time()


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Takes the tests to a time zone where it is about noon: no day ends during them."""
    hours = 12 - time.gmtime(NOW).tm_hour
    with monkeypatch.context() as patch:
        patch.setenv("TZ", f"Etc/GMT{-hours:+d}")  # POSIX counts to the west
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path, "w")
    store.write(
        [
            record(started=NOW - 60, project="=cmd()", asked_model="claude-opus-4-6"),
            record(
                started=NOW - 30,
                asked_model="claude-opus-4-6",
                provider="glm",
                model="glm-4.7",
                tokens=Tokens(input=100, cache_read=900, output=50),
                billing="plan",
                cost=0,
                list_cost=2_000_000_000,
            ),
        ],
        [],
    )
    now = time.time()
    window = Window(name="5h", used=0.5, resets_at=now + 3715, seen_at=now - 5, source="test")
    store.write_windows([WindowSnapshot("claude login", window)])
    store.close()
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command.main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("kind", [*command.KINDS, "blocks"])
def test_every_report(capsys: pytest.CaptureFixture[str], folder: Path, kind: str) -> None:
    text = run(capsys, kind, "--dir", str(folder))
    assert "$2.00" in text
    data = json.loads(run(capsys, kind, "--dir", str(folder), "--json"))
    assert data[kind]


def test_an_empty_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "No request is on record" in run(capsys, "--dir", str(tmp_path / "none"))
    assert "No provider" in run(capsys, "quota", "--dir", str(tmp_path / "none"))


def test_csv_runs_nothing_in_a_spreadsheet(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    rows = list(csv.DictReader(io.StringIO(run(capsys, "projects", "--dir", str(folder), "--csv"))))
    assert {row["project"] for row in rows} == {"'=cmd()", ""}
    assert sum(int(row["requests"]) for row in rows) == 2


def test_blocks_and_windows_as_csv(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (block,) = csv.DictReader(io.StringIO(run(capsys, "blocks", "--dir", str(folder), "--csv")))
    assert block["totalTokens"] == "2150" and block["tokenCounts.inputTokens"] == "1100"
    (window,) = csv.DictReader(io.StringIO(run(capsys, "quota", "--dir", str(folder), "--csv")))
    assert (window["owner"], window["window"], window["used"]) == ("claude login", "5h", "0.5")
    assert run(capsys, "caches", "--dir", str(folder), "--csv") == ""


def test_blocks_until_a_day(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    days = ["--since", "2020-01-01", "--until", "2020-01-31"]
    assert "No request is on record" in run(capsys, "blocks", "--dir", str(folder), *days)
    assert json.loads(run(capsys, "blocks", "--dir", str(folder), "--json", *days)) == {
        "blocks": []
    }


@pytest.mark.parametrize("report", ["daily", "models", "keys"])
def test_a_session_is_selected_in_every_report(
    capsys: pytest.CaptureFixture[str], folder: Path, report: str
) -> None:
    def requests(*selected: str) -> int:
        told = json.loads(run(capsys, report, "--dir", str(folder), "--json", *selected))
        return told["totals"]["requests"]

    assert requests("--session", "s1") == requests() == 2
    assert requests("--session", "s1", "--model", "glm-4.7") == 1
    assert requests("--session", "none") == 0


def test_quota(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    text = run(capsys, "quota", "--dir", str(folder))
    assert "claude login 5h" in text and "50%" in text and "1h 1m" in text
    (window,) = json.loads(run(capsys, "quota", "--dir", str(folder), "--json"))["windows"]
    assert window["forecast"] == "unknown" and not window["old"]


def test_the_status_line(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"session_id": "s1", "model": {"id": "claude-opus-4-6", "display_name": "Opus"}}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(told)))
    line = run(capsys, "statusline", "--dir", str(folder))
    assert line.startswith("glm/glm-4.7 (for claude-opus-4-6) | session $0.00 + plan $2.00 | today")
    assert "5h 50% resets 1h 1m" in line and "cache 45%" in line
    assert line.count("\n") == 1


def test_the_status_line_shows_no_windows_of_another_tool(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(folder, "w")
    store.write([record(started=NOW - 5, provider="claude", credential="claude#0")], [])
    shares = {"claude#0": 0.25, "codex#0": 0.75}
    for owner, used in shares.items():
        window = Window(name="5h", used=used, resets_at=NOW + 3715, seen_at=NOW, source="test")
        store.write_windows([WindowSnapshot(owner, window)])
    store.close()
    monkeypatch.setattr("sys.stdin", io.StringIO('{"session_id": "s1"}'))
    assert "| 5h 25% resets" in run(capsys, "statusline", "--dir", str(folder))
    monkeypatch.setattr("sys.stdin", io.StringIO('{"session_id": "new"}'))
    assert "5h" not in run(capsys, "statusline", "--dir", str(folder))


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_the_status_line_never_fails(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert "no session_id" in run(capsys, "statusline", "--dir", str(folder))


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--tz", "Mars"], ["hourly"]])
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["caches", "--key", "k"], ["caches", "--model", "m"], ["quota", "--since", "7d"]],
)
def test_options_that_a_report_does_not_know(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert f"{arguments[0]} takes no {arguments[1]}" in capsys.readouterr().err


def test_a_damaged_store_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "switchyard.sqlite").write_bytes(b"no database" * 1000)
    assert command.main(["--dir", str(folder)]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_fees_stand_beside_what_plans_covered(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    named: list[str | None] = []

    def settings_of(config: str | None) -> command.ReportSettings:
        named.append(config)
        return command.ReportSettings([PaidPlan("glm", None, Decimal("7.50"), "EUR", "day")])

    def shown(*options: str) -> str:
        command.main(["--dir", str(folder), "--config", "my.yaml", *options], settings_of)
        return capsys.readouterr().out

    assert "glm   7.50 EUR a day     1           7.50 EUR" in shown("--since", "0d")
    (plan,) = json.loads(shown("--json"))["subscriptions"]
    assert plan["coveredCost"] == 2.0 and plan["fee"] == 7.5
    assert "EUR" not in shown("--model", "glm-4.7")
    assert named == ["my.yaml"] * 3


def test_files_of_an_earlier_version(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(folder / TOTALS_FILE)) as db:
        for table in ROLLUPS:
            db.execute(f"DROP TABLE {table}")
        for table in TOTAL_TABLES:
            for name in NEWER_SUMS:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(OldTables, match="an earlier version"):
        UsageReader(folder).hours()
    assert command.main(["--dir", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["requests"] > 0
    assert UsageReader(folder).hours()


def test_caches_that_broke(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "caches", "--dir", str(tmp_path)) == "No prompt cache broke.\n"
    store = SqliteStore(tmp_path, "w")
    store.write([record(started=NOW - 60, cache_verdict="system block 1")], [])
    store.close()
    text = run(capsys, "caches", "--dir", str(tmp_path))
    assert "s1" in text and "system block 1" in text and "1,000" in text
    (one,) = json.loads(run(capsys, "caches", "--dir", str(tmp_path), "--json"))["caches"]
    assert (one["sessionId"], one["changed"]) == ("s1", "system block 1")
    (entry,) = json.loads(run(capsys, "sessions", "--dir", str(tmp_path), "--json"))["sessions"]
    assert entry["cacheBreaks"] == {"system block 1": 1}
    assert "No prompt" in run(capsys, "caches", "--dir", str(tmp_path), "--session", "s2")
    assert "No prompt" in run(capsys, "caches", "--dir", str(tmp_path), "--until", "2020-01-01")
