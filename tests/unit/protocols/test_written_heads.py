"""Heads as they are written."""

import pytest
from mitmproxy import http
from mitmproxy.net.http import http1

from switchyard.protocols.written_heads import JOIN_BELOW
from switchyard.protocols.written_heads import pieces
from switchyard.protocols.written_heads import request_head
from switchyard.protocols.written_heads import response_head

FIELDS = ((b"Host", b"a"), (b"x-odd", b"\xff: \xfe"), (b"x-twice", b"1"), (b"x-twice", b""))


@pytest.mark.parametrize("fields", [(), FIELDS])
@pytest.mark.parametrize("authority", [b"", b"a.test:8443"])
@pytest.mark.parametrize("method", [b"POST", b"GET", b"CONNECT", b"connect", b"PROPFIND"])
def test_a_request_is_written_as_mitmproxy_does(
    method: bytes, authority: bytes, fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    headers = http.Headers(fields)
    version = b"HTTP/1.1"
    request = http.Request(
        "a.test", 80, method, b"https", authority, b"/p?q", version, headers, b"", None, 0, 0
    )
    assert request_head(request) == http1.assemble_request_head(request)


@pytest.mark.parametrize("fields", [(), FIELDS])
@pytest.mark.parametrize(("status", "reason"), [(200, b"OK"), (299, b""), (404, b"Not Found")])
def test_a_response_is_written_as_mitmproxy_does(
    status: int, reason: bytes, fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    version, headers = b"HTTP/1.1", http.Headers(fields)
    response = http.Response(version, status, reason, headers, b"", None, 0, 0)
    assert response_head(response) == http1.assemble_response_head(response)


@pytest.mark.parametrize(
    ("body", "count"), [(b"", 1), (b"x", 1), (b"x" * (JOIN_BELOW - 1), 1), (b"x" * JOIN_BELOW, 2)]
)
def test_a_large_body_is_not_copied(body: bytes, count: int) -> None:
    found = pieces(b"head", body)
    assert b"".join(found) == b"head" + body
    assert len(found) == count
