"""The audit has each change once, whoever made it."""

from pathlib import Path
from typing import Any

from switchyard.management.audit import Audit
from switchyard.management.audit import AuditRow


def row(**members: Any) -> AuditRow:
    return AuditRow(**{"at": 1.0, "who": "management", "via": "api", "action": "x", **members})


def test_rows_come_back_the_latest_first(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "new")
    assert audit.rows() == []
    for number in range(5):
        assert audit.add(row(action=f"a{number}", diff="+x\n", peer="127.0.0.1"))
    found = audit.rows(most=2)
    assert [one.action for one in found] == ["a4", "a3"]
    assert [one.action for one in audit.rows(before=found[-1].id)] == ["a2", "a1", "a0"]


def test_a_change_by_the_api_is_no_edit_of_the_file(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.add(row(etag="1"))
    assert not audit.add(row(via="file", etag="1"))
    assert audit.add(row(via="file", etag="2"))
    assert not audit.add(row(via="file", etag="2")), "another worker saw it too"
    assert audit.add(row(via="file", etag="1"))


def test_the_file_is_private(tmp_path: Path) -> None:
    Audit(tmp_path).add(row())
    assert (tmp_path / "audit.sqlite").stat().st_mode & 0o777 == 0o600
