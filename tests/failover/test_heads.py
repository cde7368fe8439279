"""Heads are read up to the limits, in time by their size."""

import pytest

from addons.failover.heads import HeadMeter
from addons.failover.heads import TooMuch
from addons.policy.limit_schema import Limits

LIMITS = Limits.model_validate({"request-line": "100", "head": "1000", "headers": 20})
LINE = b"GET / HTTP/1.1\r\n"
FIELD = b"X-A: b\r\n"


def looked(data: bytes, size: int = 1_000_000, limits: Limits = LIMITS) -> int | bool:
    """The status of a refusal, or whether the head is whole, with `data` in pieces of a size."""
    meter, came = HeadMeter(), bytearray()
    found: TooMuch | bool = False
    for at in range(0, len(data), size):
        came += data[at : at + size]
        found = meter.look(came, limits)
        if found is not False:
            break
    return found.status if isinstance(found, TooMuch) else found


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LINE + b"\r\n", True),
        (LINE + FIELD * 20 + b"\r\n", True),
        (LINE.replace(b"\r", b"") + b"\n", True),
        (LINE + FIELD, False),
        (b"\r\n", True),
        (LINE + FIELD * 21 + b"\r\n", 431),
        (LINE + FIELD * 30, 431),
        (b"GET /" + b"a" * 200, 414),
        (b"GET /" + b"a" * 200 + b" HTTP/1.1\r\n\r\n", 414),
        (LINE + b"X: " + b"a" * 2000, 431),
        (LINE + b"X: " + b"a" * 2000 + b"\r\n\r\n", 431),
        (LINE + b"X: a\r\n b\r\n\r\n", 400),
        (LINE + b"X: a\r\n\tb", 400),
    ],
)
def test_what_is_read(data: bytes, expected: int | bool, size: int) -> None:
    assert looked(data, size) == expected


def test_a_body_behind_the_head_does_not_count() -> None:
    assert looked(LINE + FIELD + b"\r\n" + b"\n b" * 10_000) is True


class Watched(bytearray):
    """Counts the bytes that are looked at."""

    seen = 0

    def count(self, *args: object) -> int:
        begin = args[1] if len(args) > 1 else 0
        assert isinstance(begin, int)
        Watched.seen += len(self) - begin
        return super().count(*args)  # pyright: ignore


def test_each_byte_is_counted_once() -> None:
    """However small the pieces are."""
    limits = Limits.model_validate({"head": "1MB", "headers": 100_000})
    costs = []
    for times in (1000, 4000):
        meter, came, Watched.seen = HeadMeter(), Watched(LINE), 0
        for _ in range(times):
            came += FIELD
            assert meter.look(came, limits) is False
        costs.append(Watched.seen)
    assert costs[1] < 5 * costs[0]
