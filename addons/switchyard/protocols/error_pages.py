"""Keeps mitmproxy's error pages from quoting what it could not read."""

from mitmproxy.proxy.layers.http import _base
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http import _http2

from switchyard.redaction.text import without_quoted

_format_error = _base.format_error


def install() -> None:
    """Replace pages that repeat unreadable bytes: a request's line may contain a key."""
    _http1.format_error = _http2.format_error = _page


def remove() -> None:
    _http1.format_error = _http2.format_error = _format_error


def _page(status_code: int, message: str) -> bytes:
    return _format_error(status_code, without_quoted(message))
