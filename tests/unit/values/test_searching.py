"""A text is searched as `bytes` does it, wherever the searched windows end."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.values import searching
from switchyard.values.searching import count_rare
from switchyard.values.searching import find_rare
from switchyard.values.searching import has_rare

TEXTS = st.lists(
    st.sampled_from([b"ab", b"a", b"b", b"c", b"x" * 5, b"x" * searching._WINDOW]), max_size=12
).map(b"".join)


@given(TEXTS, st.sampled_from([b"a", b"ab", b"aab", b"abcab"]), st.integers(0, 20))
def test_what_is_found_is_what_bytes_find(text: bytes, wanted: bytes, start: int) -> None:
    found = text.find(wanted, start)
    assert find_rare(text, wanted, start) == found
    assert has_rare(text, wanted, start) == (found >= 0)
    assert count_rare(text, wanted[:1]) == text.count(wanted[:1])


def test_what_lies_across_the_end_of_a_window_is_found() -> None:
    wanted = b"abcdef"
    for gap in range(searching._WINDOW - 8, searching._WINDOW + 8):
        text = b"a" + b"-" * gap + wanted
        assert find_rare(text, wanted) == gap + 1
        assert has_rare(text, wanted)
