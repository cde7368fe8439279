"""What a request is, decided once: whose it is, and which call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mitmproxy import http

from switchyard.exchange.endpoints import Endpoint
from switchyard.exchange.endpoints import find_endpoint
from switchyard.exchange.endpoints import find_foreign_endpoint

type Kind = Literal["own", "provider", "other"]
"""`own`: to the router itself; `provider`: met as a proxy, to a host whose calls the router routes;
`other`: to anybody else."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a request is."""

    kind: Kind
    endpoint: Endpoint | None = None
    """What its method and path ask for; None where that is nothing the router knows."""

    @property
    def is_own(self) -> bool:
        """Whether the request is addressed to the router itself."""
        return self.kind == "own"

    @property
    def is_routed(self) -> bool:
        """Whether it is a call to a model at a provider's host, which goes where the router
        chooses."""
        return self.kind == "provider" and self.endpoint is not None


_KNOWN = "_switchyard_classification"
"""The attribute of a flow that keeps what was decided: it goes with the flow, and mitmproxy neither
saves nor copies it."""


class Classifier:
    """Decides what each request is when the first addon asks, and keeps that until its flow is
    over, whatever configuration comes into force meanwhile.

    A request that somebody addresses anew on its way, such as a script, is decided over again.
    """

    def __init__(
        self,
        is_own: Callable[[http.HTTPFlow], bool],
        serves: Callable[[http.Request], bool],
    ) -> None:
        """`is_own` says whether a flow is addressed to the router itself, `serves` whether the
        router answers calls to the host that a request met as a proxy is to."""
        self._is_own = is_own
        self._serves = serves

    def of(self, flow: http.HTTPFlow) -> Classification:
        """What the flow's request is."""
        data, known = flow.request.data, vars(flow).get(_KNOWN)
        line = data.method, data.host, data.port, data.authority, data.path
        if known is None or known.line != line:
            known = vars(flow)[_KNOWN] = _Known(flow.request, line, self._decided(flow))
        elif known.fields is not data.headers.fields:
            # Only `Host` matters, and looking for it takes longer than all else here.
            if known.host != flow.request.host_header:
                known = vars(flow)[_KNOWN] = _Known(flow.request, line, self._decided(flow))
            known.fields = data.headers.fields
        return known.classification

    def forget(self, flow: http.HTTPFlow) -> None:
        """The flow is over; where it is sent once more, it is another request."""
        vars(flow).pop(_KNOWN, None)

    def _decided(self, flow: http.HTTPFlow) -> Classification:
        if self._is_own(flow):
            return Classification("own", find_endpoint(flow.request))
        if self._serves(flow.request):
            return Classification("provider", find_foreign_endpoint(flow.request))
        return Classification("other")


class _Known:
    """What was decided, and of which request."""

    __slots__ = ("classification", "fields", "host", "line")

    def __init__(
        self, request: http.Request, line: tuple[object, ...], classification: Classification
    ) -> None:
        self.line = line
        self.fields = request.data.headers.fields
        self.host = request.host_header
        self.classification = classification
