"""Secrets are found however they are written, and nothing else is taken for one."""

import base64
import json
import re
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.redaction.concealing import MASK
from switchyard.redaction.concealing import Concealer
from switchyard.redaction.concealing import _escapes_in
from switchyard.redaction.concealing import is_random
from tests.support.proportion import least_growth

KEY = "sk-up/Zq3+9f4e1c7b20d8_aX"
FORMS = {
    "plain": KEY,
    "upper": KEY.upper(),
    "lower": KEY.lower(),
    "reversed": KEY[::-1],
    "hex": KEY.encode().hex(),
    "HEX": KEY.encode().hex().upper(),
    "quoted": quote(KEY, safe=""),
    "all quoted": "".join(f"%{ord(c):02x}" for c in KEY),
    "quoted twice": quote(quote(KEY, safe=""), safe=""),
    "json slash": KEY.replace("/", "\\/"),
    "json unicode": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "json in json": json.dumps("".join(f"\\u{ord(c):04X}" for c in KEY)),
    "html": "".join(f"&#{ord(c)};" for c in KEY),
    "html hex": "".join(f"&#x{ord(c):X};" for c in KEY),
    "some escaped": "".join(f"%{ord(c):02X}" if n % 3 else c for n, c in enumerate(KEY)),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of basic": base64.b64encode(b"user:" + KEY.encode()).decode(),
    "base64 url": base64.urlsafe_b64encode(b"\xff\xfe\xfd" + KEY.encode()).decode(),
    "all but four": KEY[:-4],
    "all but eight": KEY[:-8],
    "prefix": KEY[:12],
    "suffix": KEY[-8:],
    "reversed prefix": KEY[:12][::-1],
    "upper suffix": KEY[-9:].upper(),
}
FORMS |= {
    f"bearer in base64, {lead} before": base64.b64encode(
        b"x" * lead + f"Bearer {KEY}".encode() + b" more"
    ).decode()
    for lead in range(3)
}
CONCEALER = Concealer(["sk-other-0a1b2c3d4e5f6a7b", KEY])


def pieces_of(form: str) -> set[str]:
    """What of a form must not be left: every run of ten characters of it."""
    return {form[n : n + 10] for n in range(max(1, len(form) - 9))}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    "around", [('{"a":"', '","b":1}'), ("", ""), ("id-", "-tail"), ("é ", "…")]
)
def test_a_key_is_found_in_every_form(name: str, around: tuple[str, str]):
    before, after = around
    out = CONCEALER.text(before + FORMS[name] + after)
    assert MASK in out
    if "base64" not in name:
        assert out == before + MASK + after or name == "json in json"
    else:
        assert out.startswith(before) and out.endswith(after)
        core = base64.b64encode(KEY.encode()).decode()[:20]
        assert core not in out and len(out) < len(before + FORMS[name] + after)


def test_escapes_elsewhere_stay():
    text = f"50%25 of \\u0041 and {quote(KEY, safe='')} or \\/ &#65;"
    assert CONCEALER.text(text) == "50%25 of \\u0041 and *** or \\/ &#65;"


def test_what_has_no_key_is_the_same_object():
    data = b'data: {"delta": "\\u003cnothing%20here sk-up"}'
    assert CONCEALER.data(data) is data
    text = "sk-other-"
    assert CONCEALER.text(text) is text


@pytest.mark.parametrize(
    "key", ["ollama", "lm-studio", "dummy-key", "sk-no-key-required", "not-needed"]
)
def test_an_answer_is_not_spoilt_by_a_key_that_is_a_word(key: str):
    said = "Run ollama or lm-studio with a dummy, not needed, required password, not-needed."
    assert Concealer([key]).text(said) == said or key == "not-needed"
    assert key not in Concealer([key], words=True).text(f"the key {key} is bad")


def test_what_all_keys_of_a_vendor_begin_with_is_no_secret():
    one = Concealer(["sk-ant-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7", "sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6"])
    said = "keys begin with sk-ant-api03- or sk-proj-"
    assert one.text(said) == said
    assert one.text("sk-ant-api03-Ab1Cd2 is no good") == "*** is no good"


def test_several_in_one_text():
    twice = f"{KEY},{KEY[:15]}{KEY}"
    assert CONCEALER.text(twice) == "***,******"


def test_json_stays_json():
    said = {"a": [KEY, 1, None, {"b": f"x {KEY[::-1]}"}], KEY: True}
    assert CONCEALER.said(said) == {"a": ["***", 1, None, {"b": "x ***"}], "***": True}


@given(st.text(), st.text(), st.sampled_from(sorted(FORMS)))
def test_around_it_all_stays(before: str, after: str, name: str):
    out = CONCEALER.text(before + "|" + FORMS[name] + "|" + after)
    assert MASK in out
    assert out.startswith(CONCEALER.text(before) + "|")
    assert out.endswith("|" + CONCEALER.text(after))


@given(st.binary())
def test_any_bytes_are_taken(data: bytes):
    assert CONCEALER.data(data) == data


@pytest.mark.parametrize(
    "piece",
    [b"\\", b"%25", b"%41", b"&#", b"\\u0041", KEY[:12].encode(), KEY[:11].encode(), b"sk-up/"],
)
def test_time_grows_with_the_size_alone(piece: bytes):
    def seconds(size: int) -> float:
        data = piece * (size // len(piece))
        begun = time.process_time()
        CONCEALER.data(data)
        return time.process_time() - begun

    assert least_growth(seconds, 100_000, 400_000, below=12) < 12


@pytest.mark.parametrize(
    ("text", "random"),
    [("a1b2", True), ("status", False), ("aBcDeF", True), ("Status", False), ("12345", False)],
)
def test_what_looks_drawn_by_lot(text: str, random: bool):
    assert is_random(text) is random


_ONE_EXPRESSION = re.compile(
    rb"%(?:25)*([2-7][0-9a-f])|\\{1,8}u00([2-7][0-9a-f])|\\{1,8}(/)"
    rb"|&#(?:x0?([2-7][0-9a-f])|0?(\d{2,3}));",
    re.IGNORECASE,
)
"""All escapes, in one slow expression."""


@given(
    st.lists(
        st.sampled_from(
            ["%", "25", "41", "7f", "\\", "\\" * 9, "u00", "U00", "4a", "4A", "/", "&#", "x", "X",
             "0", "65", ";", "z", "&", "#"]
        ),
        max_size=14,
    ).map("".join)
)  # fmt: skip
def test_escapes_are_found_in_their_order_and_once(text: str) -> None:
    data = text.encode()
    expected: list[tuple[int, int, int]] = []
    for match in _ONE_EXPRESSION.finditer(data):
        percent, unicode, slash, hexa, number = match.groups()
        code = int(percent or unicode or hexa or b"0", 16) or int(number or b"0")
        code = 0x2F if slash else code
        if 0x20 <= code < 0x7F:
            expected.append((*match.span(), code))
    assert _escapes_in(data) == expected
