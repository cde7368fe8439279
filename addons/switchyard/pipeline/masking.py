"""Keeps clients' credentials out of flows, and so out of views, dumps and exports."""

from mitmproxy import http

from switchyard.exchange.classification import Classifier
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.registry import Exchanges
from switchyard.protocols.header_fields import headers_of
from switchyard.redaction.headers import mask_credentials


class Masking:
    """Masks the credential of every request that the router answers or routes.

    Only `Access` sees the flow before that; `Exchanges.head_of` returns the original head. A
    request that passes through, to a provider's own address or by plain HTTP, keeps its credential
    until it was sent.
    """

    def __init__(self, requests: Classifier, exchanges: Exchanges) -> None:
        self._requests = requests
        self._exchanges = exchanges

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay:
            return  # a replayed request has been masked already
        request, headers = flow.request, flow.request.data.headers
        asked = self._requests.of(flow)
        if not asked.is_own and not asked.is_routed:
            return
        self._exchanges.keep_head(flow, ClientHead(headers, request.path))
        request.data.headers = headers_of(headers.fields)
        mask_credentials(request)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self._mask_sent(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._mask_sent(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._mask_sent(flow)

    def _mask_sent(self, flow: http.HTTPFlow) -> None:
        if not self._exchanges.has_head(flow):
            mask_credentials(flow.request)
