"""Reads host names from the first bytes of a connection."""

import re

from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy.layers.tls import parse_client_hello

MOST_SEEN = 65_536
"""Bytes of a connection that are looked at for the name of its destination."""


_HTTP = re.compile(rb"[A-Z]{3,10} [^\r\n]+ HTTP/1\.[01]\r?\n")


_HTTP_BEGUN = re.compile(rb"[A-Z]{1,10}( [^\r\n]*)?\r?")


_HOST = re.compile(rb"\nhost:[ \t]*([^\s:/]+|\[[0-9a-fA-F:.]+\])", re.IGNORECASE)


_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")


def names_of(data: bytes) -> list[str] | None:
    """Return the host that the beginning of a connection names.

    Empty where it names none; None where more data may.
    """
    if starts_like_tls_record(data):
        try:
            hello = parse_client_hello(data)
        except ValueError:
            return []
        if hello is None:
            return None if len(data) < MOST_SEEN else []
        return [hello.sni] if hello.sni else []
    if not _HTTP.match(data):
        begun = _HTTP_BEGUN.fullmatch(data) or data in (b"\x16", b"\x16\x03")
        return None if begun and len(data) < MOST_SEEN else []
    if (named := _HOST.search(data)) is not None and named.end() < len(data):
        return [named[1].strip(b"[]").decode("ascii", "replace")]
    ended = _HEAD_ENDS.search(data) is not None
    return [] if ended or len(data) >= MOST_SEEN else None
