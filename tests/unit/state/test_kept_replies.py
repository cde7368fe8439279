from switchyard.state.kept_replies import KeptReplies
from switchyard.state.kept_replies import KeptReply


def reply(body: bytes = b"x", until: float = 10.0) -> KeptReply:
    return KeptReply(body, 0.0, until)


def test_a_reply_is_kept_until_it_expires() -> None:
    kept = KeptReplies()
    kept.put(b"a", reply())
    assert kept.get(b"a", 9.9) == reply()
    assert kept.get(b"b", 0.0) is None
    assert kept.get(b"a", 10.0) is None
    assert len(kept) == 0


def test_the_least_recently_used_goes_first() -> None:
    kept = KeptReplies(max_entries=2)
    for key in (b"a", b"b"):
        kept.put(key, reply())
    kept.get(b"a", 0.0)
    kept.put(b"c", reply())
    assert kept.get(b"b", 0.0) is None
    assert kept.get(b"a", 0.0) and kept.get(b"c", 0.0)


def test_bytes_are_bounded() -> None:
    kept = KeptReplies(max_bytes=10)
    for key in (b"a", b"b", b"a"):
        kept.put(key, reply(b"12345"))
    assert len(kept) == 2
    kept.put(b"c", reply(b"1234567"))
    assert len(kept) == 1
    kept.put(b"d", reply(b"x" * 11))
    assert kept.get(b"d", 0.0) is None and kept.get(b"c", 0.0)
    kept.clear()
    assert len(kept) == 0
    kept.put(b"e", reply(b"x" * 10))
    assert kept.get(b"e", 0.0)
