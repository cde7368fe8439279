import json
from base64 import urlsafe_b64encode

import pytest

from switchyard.accounts.expiry import jwt_expiry
from switchyard.accounts.expiry import seconds_from_now
from switchyard.accounts.expiry import unix_seconds

AT = 1_795_950_000.0


@pytest.mark.parametrize(
    "value",
    [
        1_795_950_000,
        1_795_950_000.0,
        "1795950000",
        1_795_950_000_000,
        "1795950000000",
        "2026-11-29T11:00:00Z",
        "2026-11-29T11:00:00.000Z",
        "2026-11-29T11:00:00",
        "2026-11-29T13:00:00+02:00",
    ],
)
def test_a_point_in_time_in_every_spelling(value: object) -> None:
    assert unix_seconds(value) == AT


@pytest.mark.parametrize("value", [None, True, "soon", [], {}, -5, "nan", float("inf")])
def test_what_is_no_point_in_time(value: object) -> None:
    assert unix_seconds(value) is None


@pytest.mark.parametrize("value", [0, "0", ""])
def test_a_tool_that_logged_out_has_an_expired_token(value: object) -> None:
    assert unix_seconds(value) == 0.0


@pytest.mark.parametrize(("value", "seconds"), [(3600, 3600.0), ("3600", 3600.0), (1.5, 1.5)])
def test_a_lifetime(value: object, seconds: float) -> None:
    assert seconds_from_now(value) == seconds


@pytest.mark.parametrize("value", [None, True, 0, -1, "x", "", [], "inf"])
def test_what_is_no_lifetime(value: object) -> None:
    assert seconds_from_now(value) is None


def jwt(claims: object) -> str:
    part = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJh.{part}.c2ln"


def test_the_expiry_of_a_json_web_token() -> None:
    assert jwt_expiry(jwt({"exp": int(AT), "sub": "x"})) == AT


@pytest.mark.parametrize("token", ["sk-key", "a.b.c", "a.%%.c", jwt([1]), jwt({"sub": "x"})])
def test_what_is_no_json_web_token_with_an_expiry(token: str) -> None:
    assert jwt_expiry(token) is None
