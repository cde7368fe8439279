"""Verbs as other processes send them."""

from typing import Any

import pytest

from switchyard.state.shared.board import Numbered
from switchyard.state.shared.lines import lines_of
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.service import StateService

NOW = 1_793_491_195_000
LIMIT = Limit(key="a", kind="requests", most=1, period=Sliding(60))
LINES = [line.wire() for line in lines_of((LIMIT,), Amounts(), NOW)]


def words(id: str, **others: object) -> dict[str, object]:
    return {"id": id, "life": 30_000, "lines": LINES, "pools": ["p"], "session": "", **others}


def made() -> tuple[StateService, list[Numbered]]:
    published: list[Numbered] = []
    return StateService(published.append), published


def test_admission_and_settlement() -> None:
    service, _ = made()
    verdict, turns, rows, target = service.handle("admit", words("1"), NOW)
    assert (verdict, turns, target) == (1, [1], "")
    assert service.handle("admit", words("2"), NOW)[0] == 0
    entry = ["a|requests|60s", "requests", rows[0][4], 240_000, 1]
    assert service.handle("settle", [["1", [entry], None]], NOW) == 1
    assert service.handle("admit", words("2"), NOW)[0] == 1
    assert service.handle("admit", words("1"), NOW)[0] == 2


def test_sessions_are_found_on_admission() -> None:
    service, _ = made()
    service.handle("stick", ["s", "p/m", 1000], NOW)
    assert service.handle("admit", words("1", session="s", lines=[]), NOW)[3] == "p/m"
    assert service.handle("stuck", ["s"], NOW + 2000) == ""


def test_notices_are_published_and_kept() -> None:
    service, published = made()
    service.handle("post", ["cooldown", "a", "x", 1000], NOW)
    service.handle("post", ["cooldown", "b", "y", 1000], NOW)
    service.handle("post", ["cooldown", "a", "", 0], NOW)
    assert [one[0] for one in published] == [1, 2, 3]
    assert service.handle("notices", None, NOW) == [3, [[2, "cooldown", "b", "y", 1000]]]


def test_processes_are_counted_while_they_beat() -> None:
    service, _ = made()
    assert service.handle("beat", ["a", 1000, 0], NOW)[0] == 1
    assert service.handle("beat", ["b", 1000, 0], NOW + 500)[0] == 2
    assert service.handle("beat", ["b", 1000, 0], NOW + 1200)[0] == 1
    service.leave("b")
    assert service.handle("beat", ["c", 1000, 0], NOW + 1200)[0] == 1


@pytest.mark.parametrize(
    ("verb", "payload"),
    [("fly", []), ("admit", {}), ("settle", [["1", [["a", "cake", 0, 0, 0]], None]]), ("turn", [])],
)
def test_malformed_verbs_raise(verb: str, payload: Any) -> None:
    service, _ = made()
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        service.handle(verb, payload, NOW)
