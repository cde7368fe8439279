import math

from pydantic import SecretStr

from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token


def test_a_token_expires_a_little_early() -> None:
    token = Token(SecretStr("t"), expires_at=100.0)
    assert [token.is_expired(now) for now in (80.0, 89.0, 91.0, 100.0)] == [False] * 2 + [True] * 2
    assert not Token(SecretStr("t")).is_expired(math.nextafter(math.inf, 0))


def test_a_token_does_not_print() -> None:
    assert "tok-1" not in repr(Token(SecretStr("tok-1")))


def test_an_error_is_passing_unless_stated() -> None:
    assert not SourceError("x").lasting
    assert SourceError("x", lasting=True).lasting
