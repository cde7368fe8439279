"""Notes the windows that WebSockets report on their way to a client's own host."""

import time

from mitmproxy import http

from switchyard.exchange.classification import Classifier
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.websocket_handshake import asks_for_websocket
from switchyard.recording.window_notes import owner_of_passing
from switchyard.recording.window_notes import windows_in_message
from switchyard.usage.ledger import Ledger
from switchyard.usage.windows import read_windows


class PassedWindows:
    """Reads the head of a handshake's response, and Codex' events among the host's messages.

    The bytes pass through unchanged. Of the login only a keyed hash is kept.
    """

    def __init__(self, requests: Classifier, ledger: Ledger) -> None:
        self._requests = requests
        self._ledger = ledger
        self._owners: dict[str, str] = {}
        """Whose windows a WebSocket reports, by flow."""

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or not asks_for_websocket(flow.request):
            return
        asked = self._requests.of(flow)
        if asked.kind != "provider" or asked.is_routed:
            return
        owner = owner_of_passing(flow.request, self._ledger.fingerprint)
        if owner is not None:
            self._owners[flow.id] = owner

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        owner = self._owners.get(flow.id)
        if owner is not None and flow.response is not None:
            self._ledger.note(owner, read_windows(lower_items(flow.response.headers), time.time()))

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.response is None or flow.response.status_code != 101:
            self._owners.pop(flow.id, None)

    def error(self, flow: http.HTTPFlow) -> None:
        self._owners.pop(flow.id, None)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        owner = self._owners.get(flow.id)
        if owner is None or flow.websocket is None or not flow.websocket.messages:
            return
        message = flow.websocket.messages[-1]
        if not message.from_client:
            self._ledger.note(owner, windows_in_message(message.content, time.time()))

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._owners.pop(flow.id, None)
