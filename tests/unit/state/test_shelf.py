"""The bounds of a shelf."""

from switchyard.state.shelf import LocalShelf


def test_values_by_key() -> None:
    shelf = LocalShelf()
    assert shelf.get(b"a") is None
    shelf.put(b"a", b"1")
    shelf.put(b"a", b"22")
    assert shelf.get(b"a") == b"22"
    assert (len(shelf), shelf.size) == (1, 3)


def test_the_least_recently_used_goes_first() -> None:
    shelf = LocalShelf(max_entries=2)
    shelf.put(b"a", b"1")
    shelf.put(b"b", b"2")
    shelf.get(b"a")
    shelf.put(b"c", b"3")
    assert [shelf.get(key) for key in (b"a", b"b", b"c")] == [b"1", None, b"3"]


def test_bytes_are_bounded() -> None:
    shelf = LocalShelf(max_bytes=8)
    shelf.put(b"a", b"123")
    shelf.put(b"b", b"1234")
    assert shelf.get(b"a") is None
    shelf.put(b"c", b"x" * 8)
    assert (len(shelf), shelf.size) == (0, 0)
