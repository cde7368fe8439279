"""Defines the section `limits`: how much the router reads."""

from typing import Annotated

from pydantic import AfterValidator

from switchyard.config.fields import Positive
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import Size
from switchyard.config.fields import refuse
from switchyard.config.section import Section

STEP = 65536
"""Bytes of a body that have to come within `body_time`."""


def _some(size: int) -> int:
    if size <= 0:
        raise refuse("must be more than 0", kind="unit")
    return size


PositiveSize = Annotated[Size, AfterValidator(_some)]


class Limits(Section):
    """Limits on what is read, in bytes and seconds; what exceeds them is refused."""

    request_line: PositiveSize = 16 * 1024
    head: PositiveSize = 64 * 1024
    """Of a request, its first line included; on HTTP/2 the size of its header list."""
    headers: Positive = 200
    """Lines of a request's head."""
    body: PositiveSize = 64_000_000
    """Of a request, as it is sent."""
    decoded_body: PositiveSize = 64_000_000
    """Of a request, without its content encoding."""
    json_values: Positive = 500_000
    """Elements, members and containers of a request's JSON."""
    head_time: PositiveDuration = 30.0
    """From a head's first byte to its end."""
    body_time: PositiveDuration = 60.0
    """For the first and each further 64 KiB of a body, and for what is left in the end."""
    connections_per_address: Positive = 4096
    unfinished_requests_per_address: Positive = 2048
    """Requests that are not answered yet, of one client address."""
    unfinished_bodies_per_address: PositiveSize = 512_000_000
    """All bodies together that one client address is sending."""
    upstream_head: PositiveSize = 1024 * 1024
    """Of an upstream's answer, its status line included."""
    upstream_headers: Positive = 1000
    upstream_body: PositiveSize = 256 * 1024 * 1024
    """Of an answer that is not streamed, without its content encoding."""
    held_back: PositiveSize = 16_000_000
    """Of a stream, before its answer commits."""
    tool_call: PositiveSize = 16_000_000
    """Arguments of one tool call."""
