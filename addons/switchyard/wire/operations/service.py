"""What a provider serves besides calls to a model: files, batches, images, audio, moderations.

Sources: OpenAI's reference, "Images", "Audio", "Moderations", "Files", "Batch"; Anthropic's,
"Message Batches", "Files". Requests and responses pass through as they are, but for the model's
name in the request; they may be JSON, forms, sounds or lines of JSON.
"""

from collections.abc import Callable
from dataclasses import dataclass

from switchyard.wire.encoding.bodies import parse_body
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.multipart import find_field
from switchyard.wire.encoding.multipart import with_field
from switchyard.wire.encoding.splice import splice
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Usage
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.operations.operation import OperationReply
from switchyard.wire.outcome import ProblemKind
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.bounds import Bounds
from switchyard.wire.relay.document_reader import BodyCollector
from switchyard.wire.relay.outcome import Outcome
from switchyard.wire.relay.response_relay import ResponseReader


@dataclass(frozen=True, slots=True)
class ServiceBody:
    """The body of a request, and the model that it names."""

    raw: bytes
    """Without content encoding."""
    content_type: str
    parsed: JsonObject
    """`raw` as a JSON object; empty where it is none."""

    @property
    def model(self) -> str:
        """The model that the JSON object or the form names; empty if it names none."""
        if self.parsed:
            named = self.parsed.get("model")
            return named.strip() if isinstance(named, str) else ""
        place = find_field(self.raw, self.content_type, "model")
        return self.raw[slice(*place)].decode("utf-8", "replace").strip() if place else ""

    def asking(self, model: str) -> bytes:
        """The body with this name of the model; all else stays."""
        if self.parsed:
            return splice(self.raw, self.parsed, {"model": model})
        return with_field(self.raw, self.content_type, "model", model)


class ServiceCall:
    """The client's call; see `operation.Operation`."""

    needs_provider = True

    def __init__(
        self, client: Format, path: str, query: str, method: str, body: ServiceBody
    ) -> None:
        """`path` is the client's, without the version; `query` without its credential."""
        self.formats = frozenset(
            name for name, one in FORMATS.items() if one.services is client.services
        )
        self.service = path.strip("/").replace("/batches", "-batches").partition("/")[0]
        self.http_method = method
        self.body = body
        self._path = f"{path}?{query}" if query else path

    def path(self, format: str, model: str) -> str:
        return self._path

    def write(self, format: str, model: str) -> JsonObject:
        """Nothing: `content` is what is sent."""
        return EMPTY

    def content(self, model: str) -> bytes:
        """The body of the request to a provider that calls the model so; empty: names none."""
        return self.body.asking(model) if model else self.body.raw

    def lost(self, format: str) -> list[str]:
        """Nothing: the body stays as it is."""
        return []

    def read(self, format: str, body: JsonObject) -> OperationReply:
        """The usage that a JSON response tells; its own bytes will do."""
        return OperationReply(None, _usage(object_of(body.get("usage"))))

    def estimate(self, model: str) -> None:
        """Nothing: only a provider can serve it."""

    def relay(self, upstream: Format, bounds: Bounds) -> "ServiceRelay":
        """What reads a provider's response to the call."""
        return ServiceRelay(self, upstream, bounds)


class ServiceRelay(OperationRelay):
    """Reads the response to a service, which may be anything.

    Its status alone says whether it is an error. `streams` is to be set before `start`: a response
    that streams commits with its first byte, another one at its end.
    """

    def _document_reader(self) -> ResponseReader:
        if self.streams:
            return self._passing_reader()
        return _Collecting(self.outcome, self._most, self._note_usage)

    def _passing_reader(self) -> ResponseReader:
        return PassingReader(self.outcome)

    def _note_usage(self, raw: bytes) -> None:
        body = parse_body(raw)
        if body is not None:
            self.outcome.usage = self._operation.read(self.upstream.name, body).usage


class PassingReader:
    """Passes each piece on as it comes."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def feed(self, data: bytes) -> bytes:
        self._outcome.committed = True
        self._outcome.progress += 1
        return data

    def end(self) -> bytes:
        self._outcome.committed = self._outcome.done = True
        return b""

    def cut(self, message: str) -> bytes:
        return self.fail("cut", message)

    def fail(self, kind: ProblemKind, message: str) -> bytes:
        self._outcome.fail(kind, message)
        return b""


class _Collecting(BodyCollector):
    """Keeps the body, which is the response's at its end."""

    def __init__(self, outcome: Outcome, most: int, note: Callable[[bytes], None]) -> None:
        super().__init__(outcome, most)
        self._note = note

    def end(self) -> bytes:
        outcome = self._outcome
        outcome.body = bytes(self._collected)
        self._note(outcome.body)
        outcome.committed = outcome.done = True
        return b""

    def cut(self, message: str) -> bytes:
        return self.fail("cut", message)


def _usage(told: JsonObject) -> Usage | None:
    """Images and audio tell theirs as Responses does, the others as Chat does."""
    given = int_of(told.get("input_tokens")), int_of(told.get("prompt_tokens"))
    made = int_of(told.get("output_tokens")), int_of(told.get("completion_tokens"))
    tokens = next((n for n in given if n is not None), None)
    written = next((n for n in made if n is not None), None)
    if tokens is None and written is None:
        return None
    return Usage(input=tokens, output=written)
