"""Registers all running exchanges by flow."""

from mitmproxy import http

from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.exchange import Exchange


class Exchanges:
    """Holds all running exchanges, and the heads of client requests, by flow."""

    def __init__(self) -> None:
        self._by_flow: dict[str, Exchange] = {}
        self._heads: dict[str, ClientHead] = {}

    def __len__(self) -> int:
        return len(self._by_flow)

    def running(self) -> list[Exchange]:
        """Returns all running exchanges."""
        return list(self._by_flow.values())

    def begin(self, exchange: Exchange) -> None:
        """Registers an exchange as that of its flow."""
        self._by_flow[exchange.call.flow.id] = exchange

    def keep_head(self, flow: http.HTTPFlow, head: ClientHead) -> None:
        """Keeps the head of a request before its flow is masked, until the flow is over."""
        self._heads[flow.id] = head

    def has_head(self, flow: http.HTTPFlow) -> bool:
        return flow.id in self._heads

    def head_of(self, flow: http.HTTPFlow) -> ClientHead:
        """Returns the head of the flow's request as the client sent it."""
        head = self._heads.get(flow.id)
        return head or ClientHead(flow.request.headers, flow.request.path)

    def get(self, flow: http.HTTPFlow) -> Exchange | None:
        return self._by_flow.get(flow.id)

    def end(self, flow: http.HTTPFlow) -> None:
        """Forgets a flow that is over, and releases its exchange."""
        self._heads.pop(flow.id, None)
        if (exchange := self._by_flow.pop(flow.id, None)) is not None:
            exchange.release()
