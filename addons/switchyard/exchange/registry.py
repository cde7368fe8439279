"""All running exchanges, by flow."""

from mitmproxy import http

from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.exchange import Exchange


class Exchanges:
    """All running exchanges, by flow."""

    def __init__(self) -> None:
        self._by_flow: dict[str, Exchange] = {}
        self._heads: dict[str, ClientHead] = {}

    def __len__(self) -> int:
        return len(self._by_flow)

    def running(self) -> list[Exchange]:
        """Return all that run now."""
        return list(self._by_flow.values())

    def begin(self, exchange: Exchange) -> None:
        """The exchange of its flow from now on."""
        self._by_flow[exchange.call.flow.id] = exchange

    def keep_head(self, flow: http.HTTPFlow, head: ClientHead) -> None:
        """Keeps what a request said before its flow was masked, until the flow is over."""
        self._heads[flow.id] = head

    def has_head(self, flow: http.HTTPFlow) -> bool:
        return flow.id in self._heads

    def head_of(self, flow: http.HTTPFlow) -> ClientHead:
        """The head of the flow's request as the client sent it."""
        head = self._heads.get(flow.id)
        return head or ClientHead(flow.request.headers, flow.request.path)

    def get(self, flow: http.HTTPFlow) -> Exchange | None:
        return self._by_flow.get(flow.id)

    def end(self, flow: http.HTTPFlow) -> None:
        self._by_flow.pop(flow.id, None)
        self._heads.pop(flow.id, None)
