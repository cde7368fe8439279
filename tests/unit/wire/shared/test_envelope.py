"""Proofs that travel through a client of another format."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.shared.envelope import PREFIX
from switchyard.wire.shared.envelope import CallProof
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.envelope import seal
from switchyard.wire.shared.envelope import seal_call
from switchyard.wire.shared.envelope import unseal

WORDS = st.text(st.characters(codec="utf-8"), max_size=50)


@given(text=WORDS, signature=WORDS.filter(bool))
def test_signed_thinking_comes_back_with_the_words_that_were_signed(text, signature):
    part = Thinking(text=text, signature=signature, signer="anthropic")
    assert unseal(seal(part)) == part


def test_redacted_thinking_comes_back():
    part = Thinking(redacted="blob", signer="anthropic")
    assert unseal(seal(part)) == part


def test_unsigned_thinking_is_only_marked():
    assert unseal(seal(Thinking(text="long thoughts"))) == Thinking()


def test_the_proof_of_a_call_names_the_call():
    call = ToolCall(id="c1", name="f", signature="sig", signer="gemini")
    assert unseal(seal_call(call)) == CallProof("c1", "sig", "gemini")


def test_an_envelope_is_base64_and_known_by_its_first_characters():
    sealed = seal(Thinking(text="x", signature="s", signer="anthropic"))
    assert sealed.startswith(PREFIX)
    assert len(PREFIX) == 16
    assert base64.b64decode(sealed, validate=True).startswith(b"switchyard:1")


@given(at=st.integers(0, 200), with_=st.characters(codec="ascii"))
def test_what_was_tampered_with_is_no_envelope(at, with_):
    sealed = seal(Thinking(text="some words", signature="s" * 40, signer="anthropic"))
    at %= len(sealed)
    damaged = sealed[:at] + with_ + sealed[at + 1 :]
    original = unseal(sealed)
    # base64's last characters may hold bits that mean nothing.
    assert unseal(damaged) in (None, original)


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "gAAAAAB",
        PREFIX,
        PREFIX + "!!",
        base64.b64encode(b"switchyard:1" + zlib.compress(b"[1]")).decode(),
        base64.b64encode(b"switchyard:1" + zlib.compress(b'{"signer": 1}')).decode(),
        base64.b64encode(b"switchyard:1" + zlib.compress(b'{"call": "c"}')).decode(),
        base64.b64encode(b"switchyard:1" + zlib.compress(b'{"signer": "a"}')[:-2]).decode(),
    ],
)
def test_anything_else_is_no_envelope(value):
    assert unseal(value) is None


def test_an_envelope_that_unpacks_without_end_is_refused():
    bomb = b'{"text": "' + b"a" * (20 * 1024 * 1024) + b'"}'
    packed = base64.b64encode(b"switchyard:1" + zlib.compress(bomb, 9)).decode()
    assert unseal(packed) is None


def test_a_damaged_envelope_is_still_known_as_one():
    assert is_sealed(seal(Thinking())[:-4])
    assert not is_sealed("gAAAAABp")
    assert not is_sealed(None)


def test_the_id_of_a_reasoning_item_comes_back_with_its_proof():
    part = Thinking(redacted="blob", signer="openai-responses", id="rs_1")
    assert unseal(seal(part)) == part
