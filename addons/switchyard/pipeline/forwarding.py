"""Passes requests on that are no calls, to a provider's own host or by plain HTTP.

They pass unchanged except for client keys, and their secrets are not kept.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import http

from switchyard.clients.client_keys import drop_client_keys
from switchyard.exchange.classification import Classifier
from switchyard.exchange.project import PROJECT
from switchyard.exchange.registry import Exchanges
from switchyard.reach import Reach
from switchyard.recording.flow_sinks import keeps_flows
from switchyard.recording.tape import KEPT
from switchyard.recording.tape import Tape
from switchyard.redaction.headers import MASK
from switchyard.runtime.snapshots import Snapshots

_SIGNS_IN = re.compile(r"oauth|token|auth/|login|sign-?in|session|credential", re.IGNORECASE)
"""Part of the paths at which clients get or renew their credentials."""

_COOKIES = "set-cookie"
_SWITCHING = 101


@dataclass(frozen=True, slots=True)
class _Tapes:
    """The kept beginnings of a flow's two bodies."""

    request: Tape
    response: Tape


class Forwarding:
    """Streams both bodies chunk by chunk, without adding delay.

    Their beginnings are kept if an interface shows flows. Cookies that are set, and bodies that
    contain tokens, are not kept. Nothing may be removed from the answer before it is sent, and it
    is saved as soon as it is complete; since it is streamed, its head has been sent when the flow
    is over.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        requests: Classifier,
        exchanges: Exchanges,
        reach: Reach,
        keeps: Callable[[], bool] | None = None,
    ) -> None:
        """`keeps` returns whether an interface or a dump keeps flows."""
        self._snapshots = snapshots
        self._requests = requests
        self._exchanges = exchanges
        self._reach = reach
        self._keeps = keeps or keeps_flows
        self._tapes: dict[str, _Tapes] = {}

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response or not self._passes(flow):
            return  # an answer at this point is a refusal
        drop_client_keys(flow.request, self._snapshots.current.client_keys)
        flow.request.headers.pop(PROJECT, None)
        if "upgrade" not in flow.request.headers and self._reach.may_forward(flow):
            flow.request.stream = _listening(self._tapes_of(flow).request)

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.request.stream and (tapes := self._tapes.get(flow.id)) is not None:
            signs_in = _SIGNS_IN.search(flow.request.path)
            flow.request.data.content = b"" if signs_in else tapes.request.kept

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is None or response.status_code == _SWITCHING or response.raw_content:
            return  # a body at this point is that of the router's own answer
        if self._passes(flow):
            response.stream = _listening(self._tapes_of(flow).response)

    def response(self, flow: http.HTTPFlow) -> None:
        self._over(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._over(flow)

    def _over(self, flow: http.HTTPFlow) -> None:
        tapes, response = self._tapes.pop(flow.id, None), flow.response
        if tapes is None:
            return
        signs_in = _SIGNS_IN.search(flow.request.path) is not None
        if signs_in:
            flow.request.data.content = b""
            flow.comment = "bodies are not kept here: they may hold credentials"
        if response is None or not response.stream:
            return
        if _COOKIES in response.headers:
            response.headers[_COOKIES] = MASK
        response.data.content = b"" if signs_in else tapes.response.kept

    def _passes(self, flow: http.HTTPFlow) -> bool:
        asked = self._requests.of(flow)
        if asked.is_own or self._exchanges.has_head(flow):
            return False
        return not asked.is_routed

    def _tapes_of(self, flow: http.HTTPFlow) -> _Tapes:
        if (tapes := self._tapes.get(flow.id)) is None:
            most = KEPT if self._keeps() else 0
            tapes = self._tapes[flow.id] = _Tapes(Tape(most), Tape(most))
        return tapes


def _listening(tape: Tape) -> Callable[[bytes], bytes | list[bytes]]:
    """Passes chunks on, and tapes them. mitmproxy ends a body at an empty chunk."""

    def listen(data: bytes) -> bytes | list[bytes]:
        tape.add(data)
        return data or []

    return listen
