"""mitmproxy's error pages, without what they would quote."""

from mitmproxy.proxy.layers.http import _base
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http import _http2

from addons.policy.redaction import without_quoted

_format_error = _base.format_error


def install() -> None:
    """Have pages made that do not repeat the bytes that could not be read: with a line of a
    request's head they would repeat a key."""
    _http1.format_error = _http2.format_error = _page


def remove() -> None:
    _http1.format_error = _http2.format_error = _format_error


def _page(status_code: int, message: str) -> bytes:
    return _format_error(status_code, without_quoted(message))
