"""Keys that the router issues."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.clients.key_format import IssuedKey
from switchyard.clients.key_format import is_mistyped
from switchyard.clients.key_format import issue_key
from switchyard.clients.key_format import key_hash
from switchyard.clients.key_format import key_id

KNOWN = "sk-swy-0123456789-" + "a" * 32


def test_an_issued_key_tells_its_id_and_hides_the_rest() -> None:
    key = issue_key()
    assert key_id(key.text) == key.id
    assert len(key.id) == 10
    assert key.text.startswith(f"sk-swy-{key.id}-")
    assert key.text not in repr(key)
    assert key.hash == key_hash(key.text)


def test_keys_differ() -> None:
    keys = [issue_key() for _ in range(100)]
    assert len({key.id for key in keys}) == len({key.text for key in keys}) == 100


@given(st.integers(0, 55), st.characters(codec="utf-8"))
def test_one_wrong_sign_is_a_typing_error(place: int, sign: str) -> None:
    key = issue_key()
    assert len(key.text) == 56
    wrong = key.text[:place] + sign + key.text[place + 1 :]
    if wrong != key.text:
        assert key_id(wrong) is None
        assert is_mistyped(wrong) is wrong.startswith("sk-swy-")


@given(st.text())
def test_other_texts_are_no_issued_keys(text: str) -> None:
    assert key_id(text) is None


def test_the_hash_is_that_of_other_tools() -> None:
    # printf %s abc | sha256sum
    assert key_hash("abc") == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_bytes_that_are_no_text_have_a_hash() -> None:
    assert key_hash("\udcff").startswith("sha256:")


def test_the_checksum_is_of_all_before_it() -> None:
    assert is_mistyped(KNOWN + "000000")
    assert IssuedKey("0123456789", KNOWN).id == "0123456789"
