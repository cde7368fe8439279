"""What is measured: servers, and the calls that go through them."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Literal

from scripts.benchmark.processes import Service

Format = Literal["chat", "anthropic"]


@dataclass(frozen=True, slots=True)
class Call:
    """How a client asks one server for one answer."""

    url: str
    model: str
    format: Format = "chat"
    headers: Mapping[str, str] = field(default_factory=dict)
    http2: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One way through a server: a line of the tables."""

    name: str
    whole: Call
    """A call that is answered by one JSON body."""
    stream: Call | None
    """The same, answered by a stream; None where it is not measured."""
    ours: bool = False
    large: bool = True
    """Whether large requests are measured, too."""


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Where the upstreams of all servers are: base URLs with the version segment, both of them
    speaking OpenAI Chat."""

    whole: str
    """Answers at once, with one JSON body."""
    failing: str
    """Answers 503."""
    stream: str
    """Streams tokens, as fast as `set_pace` told it to."""
    secure_whole: str
    """As `whole`, over TLS."""
    secure_stream: str
    """As `stream`, over TLS."""
    certificate: Path
    """What both are to be verified with, as PEM."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process to be measured."""

    name: str
    start: Callable[[Upstreams, Path], tuple[Service | None, tuple[Row, ...]]]
    """Starts it in a folder of its own and says how it is called. Raises Unavailable."""


class Unavailable(Exception):
    """It cannot be measured here; the message says why."""


def large_request(kind: Literal["agent", "image"]) -> list[dict[str, object]]:
    """Messages as coding tools send them: 300 KB of turns, or one image of 5 MB."""
    if kind == "image":
        picture = "data:image/png;base64," + "iVBORw0KGgoA" * (5_000_000 // 12)
        return [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is on it?"},
                    {"type": "image_url", "image_url": {"url": picture}},
                ],
            }
        ]
    line = 'def handler(event):\n    """Répond."""\n    return {"status": "ok", "path": "a\\\\b"}\n'
    turns: list[dict[str, object]] = []
    for number in range(150):
        turns.append({"role": "user", "content": f"Step {number}: {line * 12}"})
        turns.append({"role": "assistant", "content": f"Done with step {number}. {line * 12}"})
    return [*turns, {"role": "user", "content": "Go on."}]
