"""Which windows stand behind requests."""

from switchyard.usage.forecast import Track
from switchyard.usage.kept_windows import tracks_behind
from switchyard.usage.windows import Window
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

OWNERS = ("one#0", "one#1", "one login ab", "two login cd", "two login ef", "onemore login gh")
TRACKS = [
    (owner, Track(Window(name="5h", used=0.5, seen_at=NOON, source="test"))) for owner in OWNERS
]


def behind(*answered: tuple[str | None, str | None]) -> list[str]:
    records = [record(provider=provider, credential=label) for provider, label in answered]
    return [owner for owner, _ in tracks_behind(records, TRACKS)]


def test_a_key_is_told_by_its_label_and_a_login_where_it_is_the_only_one() -> None:
    assert behind(("one", "login")) == ["one login ab"]
    assert behind(("one", "one#1")) == ["one#1"]
    assert behind(("two", "login")) == []
    assert behind((None, None)) == behind() == []
