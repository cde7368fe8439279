"""How the system's errors are worded."""

import errno
import os
import socket

import pytest

from switchyard.egress.words import at_place
from switchyard.egress.words import cause_of
from switchyard.egress.words import words_of

REFUSED = os.strerror(errno.ECONNREFUSED)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"),
            REFUSED,
        ),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 9)"
            ),
            os.strerror(111),
        ),
        (
            OSError("Multiple exceptions: [Errno 101] a, [Errno 111] b"),
            f"{os.strerror(101)}, {os.strerror(111)}",
        ),
        (OSError("the name has no address"), "the name has no address"),
        (TimeoutError(), "TimeoutError"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "Name or service not known",
        ),
    ],
)
def test_words_have_no_numbers(error: OSError, words: str) -> None:
    assert words_of(error) == words


def test_the_place_is_named() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    said = at_place(unknown, "api.invalid", 443)
    assert said == "cannot resolve the name api.invalid: Name or service not known"
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    assert at_place(refused, "127.0.0.1", 9) == f"cannot connect to 127.0.0.1:9: {REFUSED}"
    several = at_place(refused, "me.example", 9, ["::1", "127.0.0.1"])
    assert several == f"cannot connect to me.example:9 (::1, 127.0.0.1): {REFUSED}"
    assert at_place(refused, "::1", 9) == f"cannot connect to [::1]:9: {REFUSED}"


def test_the_cause_behind_a_librarys_error() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    try:
        try:
            raise refused
        except OSError as e:
            raise RuntimeError("All connection attempts failed") from e
    except RuntimeError as e:
        assert cause_of(e) is refused
    assert cause_of(ValueError("no")) is None
