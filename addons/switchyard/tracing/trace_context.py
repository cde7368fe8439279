"""Reads and writes the context of a trace. Source: W3C Trace Context, level 1."""

import hashlib
import re
from dataclasses import dataclass

from mitmproxy import http

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LONGEST_STATE = 512
"""Characters of a `tracestate` that are kept (section 3.3.1.5)."""
_RANDOM = 7
"""Bytes at the end of a trace id that are random (level 2, section 2.2.1)."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The trace that a request belongs to."""

    trace_id: int
    parent_id: int | None
    """The client's span; None for a trace that begins here."""
    is_sampled: bool
    state: str = ""


def context_of(headers: http.Headers, request_id: bytes, sample: float) -> TraceContext:
    """Return the client's trace, or a new one whose id is that of the request.

    `sample` is the share of new traces that is sampled; a client's own says so itself.
    """
    found = _PARENT.fullmatch(headers.get(TRACEPARENT, "").strip())
    if found is not None and _is_valid(found):
        state = headers.get(TRACESTATE, "")
        return TraceContext(
            int(found[2], 16),
            int(found[3], 16),
            bool(int(found[4], 16) & 1),
            state if len(state) <= _LONGEST_STATE and state.isascii() else "",
        )
    chance = int.from_bytes(request_id[-_RANDOM:]) / 256**_RANDOM
    return TraceContext(int.from_bytes(request_id), None, chance < sample)


def span_id(request_id: bytes, attempt: int) -> int:
    """Return the id of an attempt's span, 0 being the request's.

    It follows from the request's id: so a span is named before it is made.
    """
    digest = hashlib.blake2b(request_id + attempt.to_bytes(4), digest_size=8).digest()
    return int.from_bytes(digest) or 1


def traceparent(context: TraceContext, span: int) -> str:
    """Return the header that makes what follows a child of a span."""
    return f"00-{context.trace_id:032x}-{span:016x}-{int(context.is_sampled):02x}"


def _is_valid(found: re.Match[str]) -> bool:
    """Whether ids are not zero, and the version is known to have no more or a later one."""
    if found[1] == "ff" or (found[1] == "00" and found[5]):
        return False
    return bool(int(found[2], 16)) and bool(int(found[3], 16))
