"""Reports over HTTP: each key sees its own requests."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from switchyard.exchange.guard import Refused
from switchyard.management.usage_report import usage_report
from switchyard.usage.places import RecordPlace
from switchyard.usage.plans import PaidPlan
from switchyard.usage.sqlite import SqliteStore
from switchyard.usage.store import Retention
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

KEEP = Retention(10**9, 10**12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path, "w")
    store.write(
        [
            record(client_key="alice", project="yard", session="first"),
            record(client_key="bob", model="other", tool="codex"),
            record(client_key=None, started=NOON - 3 * 86_400),
        ],
        [],
    )
    store.close()
    return tmp_path


def requests(folder: Path, query: str, client: str | None) -> int:
    report: Any = usage_report(RecordPlace(folder, KEEP), f"/v0/usage{query}", client)
    return report["totals"]["requests"]


def test_a_key_sees_its_own(folder: Path) -> None:
    assert requests(folder, "", "alice") == 1
    assert requests(folder, "", "carol") == 0
    assert requests(folder, "", None) == 3
    report: Any = usage_report(RecordPlace(folder, KEEP), "/v0/usage?report=models", "bob")
    assert [one["model"] for one in report["models"]] == ["other"]
    assert report["key"] == "bob"


def test_fees_are_shown_to_who_sees_everything(folder: Path) -> None:
    place = RecordPlace(folder, KEEP)
    plans = [PaidPlan("anthropic", None, Decimal(20), "USD", "month")]
    report: Any = usage_report(place, "/v0/usage", None, plans)
    assert report["subscriptions"][0]["fee"] == 20.0
    assert "subscriptions" not in usage_report(place, "/v0/usage", "alice", plans)
    assert "subscriptions" not in usage_report(place, "/v0/usage?project=yard", None, plans)


def test_a_key_cannot_ask_for_anothers(folder: Path) -> None:
    with pytest.raises(Refused, match="client_key"):
        usage_report(RecordPlace(folder, KEEP), "/v0/usage?client_key=alice", "bob")


def test_what_can_be_selected(folder: Path) -> None:
    assert requests(folder, "?since=2026-11-28&until=2026-11-28&tz=Europe/Berlin", None) == 2
    assert requests(folder, "?project=yard", None) == 1
    assert requests(folder, "?project=yard", "bob") == 0
    assert requests(folder, "?tool=codex", None) == 1


@pytest.mark.parametrize("report", ["daily", "monthly", "models", "projects", "sessions"])
def test_one_session(folder: Path, report: str) -> None:
    query = f"?report={report}&session="
    assert requests(folder, f"{query}first", None) == 1
    assert requests(folder, f"{query}first&since=2026-11-28", "alice") == 1
    assert requests(folder, f"{query}first&until=2026-11-27", "alice") == 0
    assert requests(folder, f"{query}first", "bob") == 0
    assert requests(folder, f"{query}none", None) == 0


def asked(folder: Path, query: str, client: str | None) -> Any:
    report = usage_report(RecordPlace(folder, KEEP), f"/v0/usage?report={query}", client)
    assert report.pop("key") == client
    ((_, members),) = report.items()
    return members


def test_blocks(folder: Path) -> None:
    mine, (first, gap, last) = (
        asked(folder, "blocks&since=2026-11-01", "alice"),
        asked(folder, "blocks&since=2026-11-01", None),
    )
    assert [one["entries"] for one in mine] == [1]
    assert (first["entries"], gap["isGap"], last["entries"]) == (1, True, 2)
    assert last["tokenCounts"]["inputTokens"] == 2000
    assert asked(folder, "blocks&since=2026-11-01&tool=codex", "alice") == []
    (block,) = asked(folder, "blocks&since=2026-11-01&session=first", None)
    assert block["entries"] == 1 and asked(folder, "blocks&since=2100-01-01", None) == []


def test_caches_of_a_key(folder: Path) -> None:
    store = SqliteStore(folder, "w")
    mine = record(cache_verdict="the tool list")
    bobs = record(cache_verdict="another member", client_key="bob", session="s2")
    store.write([mine, bobs], [])
    store.close()
    query = "caches&since=2026-11-01"
    (broken,) = asked(folder, query, "alice")
    assert broken == {"sessionId": "s1", "changed": "the tool list", "requests": 1,
                    "uncachedTokens": 1000}  # fmt: skip
    assert len(asked(folder, query, None)) == 2 and asked(folder, query, "carol") == []
    assert [one["sessionId"] for one in asked(folder, f"{query}&session=s2", None)] == ["s2"]
    assert asked(folder, f"{query}&session=s2", "alice") == []
    assert asked(folder, "caches&until=2026-11-01&since=2026-10-01", None) == []


def test_windows_of_the_keys_that_answered(folder: Path) -> None:
    now = time.time()
    owners = ("one#0", "one#1", "passthrough:a.example login ab", "two login cd", "two login ef")
    store = SqliteStore(folder, "w")
    store.write_windows([
        WindowSnapshot(owner, Window(name="5h", used=0.5, seen_at=now - 60, source="test"))
        for owner in owners
    ])  # fmt: skip
    answers = [("one", "one#1"), ("passthrough:a.example", "login"), ("two", "login")]
    store.write([record(provider=provider, credential=credential, started=now - 60)
                 for provider, credential in answers], [])  # fmt: skip
    store.close()
    assert [one["owner"] for one in asked(folder, "quota", "alice")] == [owners[1], owners[2]]
    assert {one["owner"] for one in asked(folder, "quota", None)} == set(owners)
    assert asked(folder, "quota", None)[0]["used"] == 0.5
    assert asked(folder, "quota", "bob") == []


@pytest.mark.parametrize(
    "query",
    [
        "report=caches&tool=x",
        "report=quota&since=7d",
        "report=blocks&x=1",
        "report=hourly",
        "since=yesterday",
        "tz=Mars/Base",
        "tz=../../etc/passwd",
        "x=1",
    ],
)
def test_wrong_questions(folder: Path, query: str) -> None:
    with pytest.raises(Refused) as caught:
        usage_report(RecordPlace(folder, KEEP), f"/v0/usage?{query}", None)
    assert caught.value.error.kind == "invalid_request"


def test_where_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="keeps no usage"):
        usage_report(None, "/v0/usage", None)
    assert requests(tmp_path / "none", "", None) == 0


def test_files_that_cannot_be_read(folder: Path) -> None:
    (folder / "switchyard.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(Refused) as caught:
        usage_report(RecordPlace(folder, KEEP), "/v0/usage", None)
    assert caught.value.error.kind == "unavailable"
