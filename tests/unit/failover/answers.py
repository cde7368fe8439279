"""What upstreams of these tests say, the clock they say it by, and what they leave behind."""

from tests.unit.failover.driver import Driver

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
REFUSAL = b"HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nbusy"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def assert_let_go(d: Driver) -> None:
    """Nothing of the request is left in the layer."""
    assert d.layer.streams == {}
    assert not d.layer.command_sources
    assert all(attempt.request is None for attempt in d.attempts)
