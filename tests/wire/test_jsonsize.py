"""Values of a JSON text, counted before it is parsed."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.wire.jsonsize import has_more_values

VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.text(alphabet='ab,[{"\\é', max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("a,[", max_size=3), inner),
    max_leaves=30,
)


def signs(value: Any) -> int:
    """Commas and brackets outside of strings."""
    if not isinstance(value, list | dict):
        return 0
    inner = value if isinstance(value, list) else list(value.values())
    return 1 + max(0, len(inner) - 1) + sum(map(signs, inner))


@given(VALUES, st.integers(1, 40))
def test_what_stands_in_strings_does_not_count(value: Any, most: int) -> None:
    text = orjson.dumps(value)
    if len(text) > 2 * most:
        assert has_more_values(text, most) == (signs(value) > most)


@pytest.mark.parametrize("body", [b"{},", b"[],", b"1,", b'"",', b'{"a":1},'])
def test_many_small_values_are_too_many(body: bytes) -> None:
    assert has_more_values(b"[" + body * 100_000 + b"1]", 50_000)


def test_a_long_text_is_one_value() -> None:
    text = b'["' + b'a, [b], {c}, \\" ' * 200_000 + b'"]'
    assert not has_more_values(text, 1000)
    assert has_more_values(text + b"," * 1001, 1000)
