"""Asks a provider of the Responses API for a response that it keeps.

Source: OpenAI's reference, "Responses": `GET /responses/ID` (also as a stream, from any event on),
`DELETE`, `POST /responses/ID/cancel`, `GET /responses/ID/input_items`.
"""

from collections.abc import Callable

from switchyard.wire.encoding.bodies import parse_body
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.encoding.sse import StreamTooLarge
from switchyard.wire.format import Format
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.usage import read_response_usage
from switchyard.wire.model.conversation import Usage
from switchyard.wire.operations.service import PassingReader
from switchyard.wire.operations.service import ServiceBody
from switchyard.wire.operations.service import ServiceCall
from switchyard.wire.operations.service import ServiceRelay
from switchyard.wire.relay.bounds import Bounds
from switchyard.wire.relay.outcome import Outcome
from switchyard.wire.relay.response_relay import ResponseReader

PATH = "/responses/"
"""What the path begins with, without its version; the response's id follows."""


class StoredResponse(ServiceCall):
    """The client's call; see `operation.Operation`. `id` is the response's."""

    def __init__(
        self, client: Format, path: str, query: str, method: str, body: ServiceBody
    ) -> None:
        super().__init__(client, path, query, method, body)
        self.formats = frozenset({NAME})
        self.id = path.removeprefix(PATH).partition("/")[0]

    def relay(self, upstream: Format, bounds: Bounds) -> "StoredResponseRelay":
        return StoredResponseRelay(self, upstream, bounds)


class StoredResponseRelay(ServiceRelay):
    """Passes the provider's response on. Its usage is not the outcome's.

    It may have been counted before, by the call that began the response or by an earlier look at
    it: who knows decides whether `told` becomes the outcome's.
    """

    told: Usage | None = None
    """The usage of a response that has ended; None while it has none."""

    def _passing_reader(self) -> ResponseReader:
        return _Events(self.outcome, self._note)

    def _note_usage(self, raw: bytes) -> None:
        if (body := parse_body(raw)) is not None:
            self._note(body)

    def _note(self, response: JsonObject) -> None:
        self.told = read_response_usage(response) or self.told


class _Events(PassingReader):
    """Passes each piece on as it comes, and looks for the response in its events."""

    def __init__(self, outcome: Outcome, note: Callable[[JsonObject], None]) -> None:
        super().__init__(outcome)
        self._note = note
        self._decoder: SseDecoder | None = SseDecoder()

    def feed(self, data: bytes) -> bytes:
        if (decoder := self._decoder) is not None:
            try:
                frames = decoder.feed(data)
            except StreamTooLarge:
                frames, self._decoder = [], None
            for frame in frames:
                if b'"usage"' in frame.data and (event := loads_object(frame.data)) is not None:
                    self._note(object_of(event.get("response")))
        return super().feed(data)
