"""Halves of surrogate pairs are replaced in JSON, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.surrogates import with_whole_pairs


@pytest.mark.parametrize(
    ("half", "whole"),
    [
        (rb'{"a":"x\ud83d"}', rb'{"a":"x\ufffd"}'),
        (rb'{"a":"\uDE00x"}', rb'{"a":"\ufffdx"}'),
        (rb'["\ud83d\ud83d\ude00"]', rb'["\ufffd\ud83d\ude00"]'),
        (rb'["\ud83d\ude00\ude00"]', rb'["\ud83d\ude00\ufffd"]'),
        (rb'["\\\ud83d"]', rb'["\\\ufffd"]'),
        (rb'["\ud83dA"]', rb'["\ufffdA"]'),
    ],
)
def test_halves_are_replaced(half: bytes, whole: bytes) -> None:
    assert with_whole_pairs(half) == whole


@pytest.mark.parametrize(
    "data",
    [
        rb'["\ud83d\ude00"]',
        rb'["\\ud83d"]',
        rb'["\\\\ud83d"]',
        rb'["\ud7ff\ue000"]',
        b'["\xc3\xa9"]',
    ],
)
def test_all_else_is_the_same_object_or_bytes(data: bytes) -> None:
    assert with_whole_pairs(data) == data


@given(st.text(st.characters(codec=None) | st.sampled_from('\\"\ud83d\ude00ud8')))
def test_the_text_is_what_unicode_makes_of_it(text: str) -> None:
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(with_whole_pairs(json.dumps([text]).encode())) == [whole]
