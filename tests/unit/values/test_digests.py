"""Digests of texts, also of those that UTF-8 has no bytes for."""

from switchyard.values.digests import hex_of


def test_it_is_the_beginning_of_a_sha256() -> None:
    whole = hex_of("abc")
    assert whole.startswith("ba7816bf8f01cfea") and len(whole) == 64  # FIPS 180-2, appendix B.1
    assert hex_of("abc", 8) == whole[:8]


def test_half_a_character_counts_like_any_other() -> None:
    assert len({hex_of("a\ud83d"), hex_of("a\ud83c"), hex_of("a?")}) == 3
