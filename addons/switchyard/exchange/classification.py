"""What a request is, decided once: whose it is, and which call."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
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
    # Members and no properties: nearly every addon asks.
    is_own: bool = field(init=False)
    """Whether the request is addressed to the router itself."""
    is_routed: bool = field(init=False)
    """Whether it is a call to a model at a provider's host, which goes where the router chooses."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_own", self.kind == "own")
        routed = self.kind == "provider" and self.endpoint is not None
        object.__setattr__(self, "is_routed", routed)


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
        data, known = flow.request.data, flow.__dict__.get(_KNOWN)
        if (
            known is not None
            and known.path is data.path
            and known.fields is data.headers.fields
            and known.host is data.host
            and known.method is data.method
            and known.authority is data.authority
            and known.port == data.port
        ):
            return known.classification
        return self._look(flow, known)

    def _look(self, flow: http.HTTPFlow, known: "_Known | None") -> Classification:
        """What a request is of which not all is as it was, if it was seen at all."""
        now = _Known(flow.request)
        if known is not None and known.line == now.line and known.named == now.named:
            now.classification = known.classification
        else:
            now.classification = self._decided(flow)
        vars(flow)[_KNOWN] = now
        return now.classification

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

    __slots__ = (
        "authority",
        "classification",
        "fields",
        "host",
        "method",
        "named",
        "path",
        "port",
    )

    classification: Classification

    def __init__(self, request: http.Request) -> None:
        data = request.data
        self.method, self.path, self.authority = data.method, data.path, data.authority
        self.host, self.port, self.fields = data.host, data.port, data.headers.fields
        # Of the headers only this one matters.
        http1 = data.http_version == b"HTTP/1.1"
        self.named = data.headers.get("Host") if http1 else request.host_header

    @property
    def line(self) -> tuple[object, ...]:
        return self.method, self.host, self.port, self.authority, self.path
