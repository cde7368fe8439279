"""Receives responses of runs that begin in a provider's background, for their ids.

Source: OpenAI's guide "Background mode".
"""

from mitmproxy import http

from switchyard.attempt.receiver import RelayReceiver
from switchyard.wire.encoding.bodies import parse_body
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.format import Format


def begins_run(body: JsonObject, upstream: Format) -> bool:
    """Whether a request asks for a run in the background, of a provider that has such."""
    return upstream.stored_responses and body.get("background") is True


class BackgroundReceiver(RelayReceiver):
    """Notes the id in the attempt's `run_id`: the response's usage may come under it alone."""

    _decoder: SseDecoder | None = None

    def start(self, response: http.Response) -> None:
        super().start(response)
        self._decoder = SseDecoder()
        # Before the commit too: a client may leave a run that has said nothing yet.
        self._is_plain = response.headers.get("content-encoding", "identity") == "identity"

    def data(self, data: bytes) -> bytes:
        out = super().data(data)
        if self._decoder is not None:
            self._look(self._decoder, data if self._is_plain else out)
        return out

    def skim(self, data: bytes) -> bytes | None:
        return None if self._decoder is not None else super().skim(data)

    def head(self) -> http.Response:
        if not self._relay.streams:
            self._state.run_id = text_of((parse_body(self._relay.body) or {}).get("id")) or None
        return super().head()

    def _look(self, decoder: SseDecoder, data: bytes) -> None:
        for frame in decoder.feed(data):
            response = object_of((loads_object(frame.data) or {}).get("response"))
            if id := text_of(response.get("id")):
                self._state.run_id, self._decoder = id, None
                return
