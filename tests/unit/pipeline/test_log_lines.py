"""What log records say once they are formatted."""

import logging
from collections.abc import Iterator

import httpx2
import pytest
from mitmproxy.log import MitmFormatter
from mitmproxy.test import taddons

from switchyard.pipeline.log_lines import LogLines
from switchyard.redaction.text import one_line
from switchyard.redaction.text import without_quoted
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import addon_of
from tests.support.runtime import make_runtime


@pytest.fixture
def records() -> Iterator[None]:
    lines = addon_of(make_runtime(), LogLines)
    before = logging.getLogRecordFactory()
    with taddons.context(lines):
        yield
    lines.done()
    assert logging.getLogRecordFactory() is before


def said(name: str, message: str, *args: object, exc_info: object = None) -> str:
    record = logging.getLogger(name).makeRecord(
        name,
        logging.WARNING,
        __file__,
        1,
        message,
        args,
        exc_info,  # type: ignore[arg-type]
    )
    return MitmFormatter(colorize=False).format(record).partition("] ")[2]


def test_lines_stay_lines(records: None) -> None:
    evil = "evil\x1b[2J\x07\r\n [12:00:00.000] switchyard: ready\u2028x\u202ey\x9b1m"
    text = said("switchyard.pipeline.client_trust", "%s does not trust", evil)
    assert text.isprintable()
    assert "evil\\x1b[2J\\x07\\r\\n [12:00" in text
    assert said("switchyard.config.watcher", "because:\n%s", "a\nb") == "because:\na\nb"
    assert said("addons.any", "größer 模型 → %d %%", 7) == "größer 模型 → 7 %"


def test_addresses_of_the_routers_own_requests_are_not_told(
    records: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = httpx2.MockTransport(lambda request: httpx2.Response(200))
    with httpx2.Client(transport=answer) as client:
        client.get("https://hooks.example/T0/secret-of-a-path?key=secret")
    assert "hooks.example" not in caplog.text


def test_no_key_that_is_configured(records: None) -> None:
    for key in OWN_KEYS:
        if len(key) >= 12:
            assert key not in said("addons.any", "%s", {"a": key, "b": key[::-1]})
            assert key[::-1] not in said("mitmproxy.any", key[::-1])


def test_no_bytes_of_a_client(records: None) -> None:
    for head in (
        b"GET / HTTP/1.1\r\nAuthorization: Bearer it's-1\r\n",
        b"\"quoted\" and 'quoted' k-1",
    ):
        text = said("mitmproxy.proxy.server", f"before completing request headers: {head!r}")
        assert text == "before completing request headers: (bytes)"
    assert said("mitmproxy.proxy.server", f"got {b'HTTP'!r}") == "got b'HTTP'"


def test_a_traceback_begins_no_line(records: None) -> None:
    try:
        raise ValueError(
            "bad\r\n[12:00:00.000] switchyard: ready\x1b[2J b'Bearer secret-of-someone'"
        )
    except ValueError as e:
        text = said("addons.any", "failed", exc_info=(type(e), e, e.__traceback__))
    first, *rest = text.split("\n")
    assert first == "failed" and "Traceback" in rest[0]
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in text and "secret-of-someone" not in text


@pytest.mark.parametrize(
    "message",
    [
        "invalid content-length header: 'a-key-of-mine'",
        "multiple content-length headers: ['a-key-of-mine', \"a-key-of-mine]\"]",
        "unexpected HTTP transfer-encoding 'a-key-of-mine' for HTTP/1.0",
        "invalid header name: b'a-key-of-mine'",
    ],
)
def test_no_value_of_a_header(message: str) -> None:
    assert "a-key-of-mine" not in without_quoted(message)


def test_what_is_plain_is_left_as_it_is() -> None:
    text = "error establishing server connection: [Errno 111] Connect call failed ('127.0.0.1', 5)"
    assert one_line(without_quoted(text)) == text


DEVICE = """[Interface]
PrivateKey = qPDTXcgOCR4mLh0uWFEBBC0wdGyXJxXIoHfEH+uQlE8=
Address = 10.0.0.1/32
DNS = 10.0.0.53

[Peer]
PublicKey = Zt8wdGyXJxXIoHfEH+uQlE8qPDTXcgOCR4mLh0uWFEA=
AllowedIPs = 0.0.0.0/0
Endpoint = {}:51820"""


@pytest.mark.parametrize("host", ["10.231.7.1", "fe80::1"])
def test_what_a_wireguard_device_needs_is_told(records: None, host: str) -> None:
    told = "-" * 60 + "\n" + DEVICE.format(host) + "\n" + "-" * 60
    shown = said("mitmproxy.proxy.mode_servers", told)
    assert [line.strip() for line in shown.splitlines()] == told.splitlines()
    assert "PrivateKey = q" not in said("mitmproxy.proxy.server", told)
    forged = "failed: " + told + "\x1b[2J"
    assert "\n" not in said("mitmproxy.proxy.mode_servers", forged)
