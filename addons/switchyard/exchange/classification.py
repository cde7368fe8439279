"""Decides once for each request whose it is, and which call it makes."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from mitmproxy import http

from switchyard.exchange.endpoints import Endpoint
from switchyard.exchange.endpoints import find_endpoint
from switchyard.exchange.endpoints import find_foreign_endpoint

type Kind = Literal["own", "provider", "other"]
"""The party that a request is addressed to.

`own`: the router itself; `provider`: a host whose calls the router routes, reached through the
proxy; `other`: any other host.
"""


@dataclass(frozen=True, slots=True)
class Classification:
    """The addressee of a request, and the endpoint that it calls."""

    kind: Kind
    endpoint: Endpoint | None = None
    """The endpoint that method and path name; None if the router does not know it."""
    # Members instead of properties, since nearly every addon reads them.
    is_own: bool = field(init=False)
    """Whether the request is addressed to the router itself."""
    is_routed: bool = field(init=False)
    """Whether it is a call to a model at a provider's host, which the router routes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_own", self.kind == "own")
        routed = self.kind == "provider" and self.endpoint is not None
        object.__setattr__(self, "is_routed", routed)


_KNOWN = "_switchyard_classification"
"""The attribute of a flow that keeps its classification.

It lives as long as the flow; mitmproxy neither saves nor copies it.
"""


class Classifier:
    """Classifies each request when the first addon asks, and keeps the result.

    The result holds until the flow is over, also if another configuration comes into force. A
    request whose address changes on its way, for example by a script, is classified again.
    """

    def __init__(
        self,
        is_own: Callable[[http.HTTPFlow], bool],
        serves: Callable[[http.Request], bool],
    ) -> None:
        """Takes the two predicates that tell the kinds apart.

        `is_own` returns whether a flow is addressed to the router itself, `serves` whether the
        router answers calls to the host of a request that came through the proxy.
        """
        self._is_own = is_own
        self._serves = serves

    def of(self, flow: http.HTTPFlow) -> Classification:
        """Returns the classification of the flow's request."""
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
        """Classifies a request that is new, or that changed since it was classified."""
        now = _Known(flow.request)
        if known is not None and known.line == now.line and known.named == now.named:
            now.classification = known.classification
        else:
            now.classification = self._decided(flow)
        vars(flow)[_KNOWN] = now
        return now.classification

    def forget(self, flow: http.HTTPFlow) -> None:
        """Drops the classification of a flow that is over; a replay is classified again."""
        vars(flow).pop(_KNOWN, None)

    def _decided(self, flow: http.HTTPFlow) -> Classification:
        if self._is_own(flow):
            return Classification("own", find_endpoint(flow.request))
        if self._serves(flow.request):
            return Classification("provider", find_foreign_endpoint(flow.request))
        return Classification("other")


class _Known:
    """A classification, and the parts of the request that it depends on."""

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
        # The classification depends on no other header.
        http1 = data.http_version == b"HTTP/1.1"
        self.named = data.headers.get("Host") if http1 else request.host_header

    @property
    def line(self) -> tuple[object, ...]:
        return self.method, self.host, self.port, self.authority, self.path
