"""What passes through to a provider's own host without being a call: its secrets are not kept."""

import re

from mitmproxy import http

from addons.masking import MASK
from addons.recording import Tape
from addons.runtime import Runtime

_SIGNS_IN = re.compile(r"oauth|token|auth/|login|sign-?in|session|credential", re.IGNORECASE)
"""In the paths where clients get or renew what they identify themselves with."""

_COOKIES = "set-cookie"


class Passing:
    """Takes cookies that are set, and bodies that hold tokens, out of flows that pass through.

    Before the answer is on its way nothing may be taken out of it, and once it is complete it is
    saved at once. So these answers are streamed: their heads are gone when the flow is over.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tapes: dict[str, Tape | None] = {}
        """By flow; None where the body is not to be kept."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        runtime, request, response = self._runtime, flow.request, flow.response
        if response is None or runtime.exchanges.has_head(flow) or runtime.is_own(flow):
            return
        if not runtime.serves_host(request.host, request.port):
            return
        signs_in = _SIGNS_IN.search(request.path) is not None
        if not signs_in and _COOKIES not in response.headers:
            return
        if signs_in:
            request.data.content = b""  # it was sent
        tape = self._tapes[flow.id] = None if signs_in else Tape()

        def listen(data: bytes) -> bytes | list[bytes]:
            if tape is not None:
                tape.add(data)
            return data or []

        response.stream = listen

    def response(self, flow: http.HTTPFlow) -> None:
        self._mask(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._mask(flow)

    def _mask(self, flow: http.HTTPFlow) -> None:
        if flow.id not in self._tapes:
            return
        tape = self._tapes.pop(flow.id)
        response = flow.response
        if response is None:
            return
        if _COOKIES in response.headers:
            response.headers[_COOKIES] = MASK
        response.data.content = tape.kept if tape is not None else b""
        if tape is None:
            flow.comment = "bodies are not kept here: they may hold credentials"
