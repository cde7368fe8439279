"""Decodes and parses the bodies of client requests, within the limits."""

import asyncio
from codecs import BOM_UTF8

from mitmproxy import http

from switchyard.config.limits import Limits
from switchyard.exchange.guard import Refused
from switchyard.wire.encoding.content_coding import CorruptEncoding
from switchyard.wire.encoding.content_coding import TooLarge
from switchyard.wire.encoding.content_coding import UnknownEncoding
from switchyard.wire.encoding.content_coding import decode_whole
from switchyard.wire.encoding.json_size import has_more_values
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.model.errors import ApiError

LARGE = 262_144
"""Bytes from which on a body is read in a thread.

Smaller ones take less than a millisecond.
"""
LARGE_ENCODED = 8192
"""The same threshold for encoded bodies, which may unpack to 1,000 times that."""


def is_large(request: http.Request) -> bool:
    """Whether reading a request's body would block the event loop noticeably."""
    size = len(request.raw_content or b"")
    return size > (LARGE_ENCODED if "content-encoding" in request.data.headers else LARGE)


async def read_aside(request: http.Request, limits: Limits) -> tuple[bytes, JsonObject]:
    """Does the work of `read_body` in a thread, beside the event loop."""
    return await asyncio.to_thread(read_body, request, limits)


def read_body(request: http.Request, limits: Limits) -> tuple[bytes, JsonObject]:
    """Returns a request's body without content encoding, and its JSON object.

    Raises Refused, whose message names the cause and the remedy.
    """
    raw = decoded_body(request, limits)
    return raw, parse_body(raw, limits)


def decoded_body(request: http.Request, limits: Limits) -> bytes:
    """Returns the request's body without content encoding.

    Raises Refused if the encoding cannot be undone, or the result exceeds `limits.decoded-body`.
    """
    raw = request.raw_content or b""
    if encoding := request.data.headers.get("content-encoding"):
        try:
            raw = decode_whole(raw, encoding, limits.decoded_body)
        except TooLarge:
            said = f"The request's body unpacks to more than {limits.decoded_body} bytes"
            raise _too_large(f"{said} (limits.decoded-body).") from None
        except (UnknownEncoding, CorruptEncoding) as e:
            raise _bad_body(f"The request's body cannot be read: {e}.") from None
    return raw.removeprefix(BOM_UTF8)  # RFC 8259, section 8.1: may be ignored


def parse_body(raw: bytes, limits: Limits) -> JsonObject:
    """Returns the request's JSON object.

    Raises Refused, whose message names the cause and the remedy.
    """
    if has_more_values(raw, limits.json_values):
        said = f"The request's body holds more than {limits.json_values} JSON values"
        raise _too_large(f"{said} (limits.json-values).")
    try:
        body = loads(raw)
    except ValueError as e:
        raise _bad_body(f"The request's body is not valid JSON: {e}.") from None
    if not isinstance(body, dict):
        raise _bad_body("The request's body must be a JSON object.")
    return body


def _bad_body(message: str) -> Refused:
    return Refused(ApiError(message=message, kind="invalid_request"))


def _too_large(message: str) -> Refused:
    return Refused(ApiError(message=message, kind="too_large"))
