"""Bodies of clients' requests: decoded, parsed, and refused where they are too large for that."""

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
"""Bytes of a body from which on it is read in a thread. Smaller ones take less than a
millisecond."""
LARGE_ENCODED = 8192
"""The same for encoded ones, which may unpack to a thousand times as much."""


def is_large(request: http.Request) -> bool:
    """Whether others would notice the time that it takes to read a request's body."""
    size = len(request.raw_content or b"")
    return size > (LARGE_ENCODED if "content-encoding" in request.data.headers else LARGE)


async def read_aside(request: http.Request, limits: Limits) -> tuple[bytes, JsonObject]:
    """As `read_body`, beside the event loop."""
    return await asyncio.to_thread(read_body, request, limits)


def read_body(request: http.Request, limits: Limits) -> tuple[bytes, JsonObject]:
    """A request's body without content encoding, and the JSON object that it is. Raises Refused
    with what is wrong and how to mend it."""
    raw = decoded_body(request, limits)
    return raw, parse_body(raw, limits)


def decoded_body(request: http.Request, limits: Limits) -> bytes:
    """The request's body without content encoding. Raises Refused if that cannot be undone, or
    gives more than the limit."""
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
    """The request's JSON object. Raises Refused with what is wrong and how to mend it."""
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
