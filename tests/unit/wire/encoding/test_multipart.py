"""Fields of forms, compared with what Python's own reader finds."""

from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.multipart import boundary_of
from switchyard.wire.encoding.multipart import find_field
from switchyard.wire.encoding.multipart import with_field

TYPE = 'multipart/form-data; boundary="b 1"'
NAMES = st.sampled_from(["model", "file", "language", "models"])
VALUES = st.binary(max_size=60).filter(lambda value: b"--b 1" not in value)


def form(*parts: tuple[str, bytes, bool]) -> bytes:
    out = b""
    for name, value, is_file in parts:
        more = '; filename="f"' if is_file else ""
        head = f'Content-Disposition: form-data; name="{name}"{more}'
        out += b"--b 1\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"
    return out + b"--b 1--\r\n"


def read(body: bytes) -> list[tuple[str, bytes, bool]]:
    """As Python reads it."""
    message = BytesParser().parsebytes(f"Content-Type: {TYPE}\r\n\r\n".encode() + body)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_payload(decode=True) or b"",  # type: ignore
            part.get_filename() is not None,
        )
        for part in message.walk()
        if not part.is_multipart()
    ]


@given(st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=5))
def test_the_first_field_of_the_name_is_found(parts: list[tuple[str, bytes, bool]]) -> None:
    body = form(*parts)
    place = find_field(body, TYPE, "model")
    meant = [value for name, value, is_file in parts if name == "model" and not is_file]
    assert (place is None) == (not meant)
    if place is not None:
        assert body[slice(*place)] == meant[0]


@given(st.lists(st.tuples(NAMES, st.text("ab/-:é", max_size=9), st.booleans()), min_size=1))
def test_a_field_is_set_and_all_else_stays(parts: list[tuple[str, str, bool]]) -> None:
    body = form(*((name, value.encode(), is_file) for name, value, is_file in parts))
    before, after = read(body), read(with_field(body, TYPE, "model", "new/name"))
    place = next((i for i, one in enumerate(before) if one[0] == "model" and not one[2]), None)
    if place is None:
        assert after == [("model", b"new/name", False), *before]
    else:
        before[place] = ("model", b"new/name", False)
        assert after == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", TYPE),
        (b"--b 1", TYPE),
        (b"--b 1\r\nno head", TYPE),
        (b'--b 1\r\nContent-Disposition: form-data; name="model"\r\n\r\nunended', TYPE),
        (form(("model", b"x", False)), "application/json"),
        (form(("model", b"x", False)), "multipart/form-data"),
        (form(("model", b"x", False)), "multipart/form-data; boundary=other"),
        (form(("model", b"x", True)), TYPE),
    ],
)
def test_what_is_no_field(body: bytes, kind: str) -> None:
    assert find_field(body, kind, "model") is None


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data; boundary="])
def test_a_body_that_is_no_form_stays(kind: str) -> None:
    assert boundary_of(kind) is None
    assert with_field(b"body", kind, "model", "x") == b"body"


def test_a_preamble_and_unquoted_names() -> None:
    body = b"hello\r\n--b 1\r\ncontent-disposition: form-data; name=model\r\n\r\nm\r\n--b 1--\r\n"
    place = find_field(body, TYPE, "model")
    assert place is not None and body[slice(*place)] == b"m"
