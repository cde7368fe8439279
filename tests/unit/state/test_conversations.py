"""Conversations kept by owner and id, within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.state.conversations import Conversations

ME, YOU = b"me", b"you"


def test_what_was_put_is_got() -> None:
    kept = Conversations()
    kept.put(ME, "r1", b"[1]", ["m1"])
    assert kept.get(ME, "r1") == b"[1]"
    assert kept.with_item(ME, "m1") == b"[1]"
    assert kept.get(ME, "r2") is None
    assert kept.with_item(ME, "m2") is None


def test_nobody_gets_what_another_owns() -> None:
    kept = Conversations()
    kept.put(ME, "r1", b"[1]", ["m1"])
    assert kept.get(YOU, "r1") is None
    assert kept.with_item(YOU, "m1") is None
    kept.put(YOU, "r1", b"[2]", ["m1"])
    assert (kept.get(ME, "r1"), kept.with_item(YOU, "m1")) == (b"[1]", b"[2]")


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept = Conversations(max_entries=2)
    kept.put(ME, "r1", b"1", ["m1"])
    kept.put(ME, "r2", b"2", ["m2"])
    kept.get(ME, "r1")
    kept.put(ME, "r3", b"3")
    assert [kept.get(ME, id) for id in ("r1", "r2", "r3")] == [b"1", None, b"3"]
    assert kept.with_item(ME, "m2") is None


def test_bytes_are_bounded() -> None:
    kept = Conversations(max_bytes=10)
    kept.put(ME, "r1", b"123456")
    kept.put(ME, "r2", b"123456")
    assert kept.get(ME, "r1") is None and kept.size == 6
    kept.put(ME, "huge", b"x" * 11)
    assert kept.get(ME, "huge") is None and kept.get(ME, "r2") is not None


def test_the_same_id_again_takes_the_place() -> None:
    kept = Conversations()
    kept.put(ME, "r1", b"old", ["m1"])
    kept.put(ME, "r1", b"newer", ["m2"])
    assert kept.get(ME, "r1") == b"newer" and kept.size == 5 and len(kept) == 1
    assert kept.with_item(ME, "m1") is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ME, YOU]),
            st.sampled_from("abcdef"),
            st.binary(max_size=9),
            st.lists(st.sampled_from("mnop"), unique=True),
        )
    )
)
def test_bounds_hold_whatever_is_put(puts: list[tuple[bytes, str, bytes, list[str]]]) -> None:
    kept = Conversations(max_entries=3, max_bytes=16)
    for owner, id, data, items in puts:
        kept.put(owner, id, data, items)
        assert len(kept) <= 3 and kept.size <= 16
        assert kept.get(owner, id) == data
        assert all(kept.with_item(owner, item) == data for item in items)
    everything = [kept.get(owner, id) for owner in (ME, YOU) for id in "abcdef"]
    assert sum(len(data) for data in everything if data is not None) == kept.size
