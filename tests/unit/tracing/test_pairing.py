"""Records and scenes come in any order, from two threads."""

import pytest

from switchyard.tracing import pairing
from switchyard.tracing.pairing import Pairing
from tests.unit.tracing.test_span_sender import SCENE
from tests.unit.usage.support import record


@pytest.mark.parametrize("record_first", [True, False])
def test_both_halves_make_a_whole_once(record_first: bool) -> None:
    whole, one = [], record()
    pairs = Pairing(lambda *both: whole.append(both))
    if record_first:
        pairs.take_record(one)
    pairs.take_scene(one.id, SCENE)
    if not record_first:
        pairs.take_record(one)
    assert whole == [(one, SCENE)]
    pairs.take_record(one)
    assert len(whole) == 1


def test_halves_that_stay_alone_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "_MOST", 3)
    whole, records = [], [record() for _ in range(5)]
    pairs = Pairing(lambda *both: whole.append(both))
    for one in records:
        pairs.take_record(one)
    for one in records:
        pairs.take_scene(one.id, SCENE)
    assert [one for one, _ in whole] == records[2:]
