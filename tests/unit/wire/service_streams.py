"""Streams in AWS' framing: events of a service read alone, and an answer through a relay."""

import json
from collections.abc import Iterable
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from switchyard.wire.encoding.event_stream import CONTENT_TYPE
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.format import Format
from switchyard.wire.model.events import Event
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.laws import ASKED


def read_events(service: Format, events: Iterable[tuple[str, Mapping[str, object]]]) -> list[Event]:
    """What a reader makes of events by name, and of their end."""
    reader = service.stream_reader()
    frames = [Frame(json.dumps(body).encode(), name.encode()) for name, body in events]
    found = [one for frame in frames for one in reader.feed(frame)]
    return [*found, *reader.close()]


def relay_pieces(
    service: Format, data: bytes, cuts: list[int], client: str = "anthropic", streams: bool = True
) -> Any:
    """The relay after an answer that came in pieces, and what the client got."""
    relay = Relay(service, FORMATS[client], streams, ASKED)
    relay.start(200, CONTENT_TYPE)
    edges = [0, *sorted(cuts), len(data)]
    out = b"".join(relay.feed(data[a:b]) for a, b in pairwise(edges))
    return relay, out + relay.end()
