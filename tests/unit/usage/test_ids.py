import time

from switchyard.usage.ids import new_id
from switchyard.usage.ids import time_of


def test_ids_are_of_version_7_and_sort_by_their_time() -> None:
    before = time.time()
    ids = [new_id() for _ in range(5000)]
    after = time.time()
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {one.version for one in ids} == {7}
    assert {one.variant for one in ids} == {"specified in RFC 4122"}
    # 5,000 ids within a millisecond would run ahead of the clock by a millisecond and a bit.
    assert before - 0.002 < time_of(ids[0]) <= time_of(ids[-1]) < after + 0.005
