from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.splice import splice


@pytest.mark.parametrize(
    ("raw", "changes", "expected"),
    [
        (
            b'{ "model" : "a/b",\n "n": 1.0 }',
            {"model": "b"},
            b'{ "model" : "b",\n "n": 1.0 }',
        ),
        (b'{"a":123456789012345678901234567890}', {"stream": False}, None),
        (b'{"model":"x","stream":false}', {"stream": True}, b'{"model":"x","stream":true}'),
        (b"{}", {"stream": False}, b'{"stream":false}'),
        (b'{"stream":null,"a":1}', {"stream": True}, b'{"stream":true,"a":1}'),
        (b'{"model":"x"}', {"model": "x"}, b'{"model":"x"}'),
    ],
)
def test_only_the_value_changes(
    raw: bytes, changes: dict[str, Any], expected: bytes | None
) -> None:
    if expected is None:
        expected = b'{"stream":false,' + raw[1:]
    assert splice(raw, loads(raw), changes) == expected


def test_a_model_named_in_a_nested_object_stays() -> None:
    raw = b'{"tools":[{"model":"x"}],  "model":"x", "a": {"model": "z"}, "big": 1e400}'
    after = b'{"tools":[{"model":"x"}],  "model":"y", "a": {"model": "z"}, "big": 1e400}'
    assert splice(raw, {"tools": [], "model": "x", "a": {}, "big": 1}, {"model": "y"}) == after


def test_a_value_that_only_looks_like_a_member_is_none() -> None:
    raw = b'{"a":"model","b":[{"model":"z"}],"model":"x"}'
    assert splice(raw, loads(raw), {"model": "y"}) == raw.replace(b'"x"', b'"y"')


def test_a_model_quoted_within_a_message_is_no_obstacle() -> None:
    raw = b'{"messages":[{"content":"say {\\"model\\": \\"x\\"}"}],  "model":"x"}'
    assert splice(raw, loads(raw), {"model": "y"}) == raw.replace(b'"model":"x"', b'"model":"y"')


def test_an_escaped_top_level_key_is_found_in_meaning() -> None:
    for raw in (
        b'{"m\\u006fdel":"x","a":{"model":"x"}}',
        b'{"a":{"model":"x"},"m\\u006fdel":"x"}',
    ):
        assert loads(splice(raw, loads(raw), {"model": "y"})) == {"model": "y", "a": {"model": "x"}}


def test_escapes_of_other_letters_are_no_obstacle() -> None:
    # To serialise it anew would lose the number.
    raw = b'{"a":["R\\u00e9pond \\u4f60"],"big":1e400,"model":"x","stream":true}'
    changes = {"model": "y", "stream": False}
    after = raw.replace(b'"x"', b'"y"').replace(b"true", b"false")
    assert splice(raw, {"a": [], "big": 1, "model": "x", "stream": True}, changes) == after


@pytest.mark.parametrize("key", ["model", "stream", "max_tokens", "caf\u00e9", "a-b"])
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("upper", [False, True])
def test_a_key_with_any_letter_escaped_is_found_in_meaning(
    key: str, place: int, upper: bool
) -> None:
    place = min(place, len(key) - 1)
    code = f"{ord(key[place]):04X}" if upper else f"{ord(key[place]):04x}"
    spelled = f"{key[:place]}\\u{code}{key[place + 1 :]}"
    raw = f'{{"x":{{"{key}":"inner"}},"{spelled}":"old"}}'.encode()
    assert loads(splice(raw, loads(raw), {key: "new"})) == {"x": {key: "inner"}, key: "new"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("model"), inner),
)


@given(
    st.dictionaries(st.text() | st.sampled_from(["model", "stream"]), _json),
    st.text(),
    st.booleans(),
)
def test_means_the_same_as_setting_the_members(
    body: dict[str, Any], model: str, stream: bool
) -> None:
    raw = dumps(body)
    changes: dict[str, Any] = {"model": model, "stream": stream}
    assert loads(splice(raw, loads(raw), changes)) == {**body, **changes}


def test_a_missing_member_may_be_an_object() -> None:
    raw = b'{ "model" : "a", "x": 1.50 }'
    assert splice(raw, loads(raw), {"stream_options": {"include_usage": True}}) == (
        b'{"stream_options":{"include_usage":true}, "model" : "a", "x": 1.50 }'
    )


def test_an_object_in_place_of_another_is_serialised() -> None:
    raw = b'{"o": {"a": 1}}'
    assert loads(splice(raw, loads(raw), {"o": {"b": 2}})) == {"o": {"b": 2}}
