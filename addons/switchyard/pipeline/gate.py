"""Refuses clients that may not reach the destination of their request or tunnel."""

import asyncio
import logging
from collections.abc import Awaitable
from collections.abc import Callable

from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.proxy.layers.modes import Socks5AuthData

from switchyard.clients.clients import Clients
from switchyard.clients.holders import may_use
from switchyard.clients.wrong_keys import WrongKeys
from switchyard.exchange.classification import Classifier
from switchyard.exchange.endpoints import format_of_client
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.responses import error_response
from switchyard.listener.addresses import may_pass
from switchyard.listener.forwarded import peer_of
from switchyard.reach import Reach
from switchyard.runtime.snapshots import Snapshots
from switchyard.wire.model.errors import ApiError
from switchyard.wire.registry import DEFAULT

logger = logging.getLogger(__name__)

PROXY_CREDENTIAL = "proxy-authorization"
_ASKS = {"proxy-authenticate": 'Basic realm="Switchyard"'}


class Gate:
    """Checks tunnels, and requests for other servers, as soon as their head is read.

    `switchyard.reach` decides whether the client may reach the destination. Calls to models at
    providers' hosts are not checked: the router chooses their target, and `Access` admits them. Any
    credential sent to the proxy is removed here.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        requests: Classifier,
        clients: Clients,
        reach: Reach,
        wrong_keys: WrongKeys,
        cut: Callable[[str, str], None],
    ) -> None:
        """Takes the parts it reads; `wrong_keys` is shared with all other key checks.

        `cut` closes the connection of a client, by its id, and takes the reason.
        """
        self._snapshots = snapshots
        self._requests = requests
        self._clients = clients
        self._reach = reach
        self._wrong_keys = wrong_keys
        self._cut = cut

    def socks5_auth(self, data: Socks5AuthData) -> Awaitable[None] | None:
        """Accepts a client key as password or user (RFC 1929).

        A client that needs no key may send anything; the refusal of others is delayed.
        """
        client = data.client_conn
        for candidate in (data.password, data.username):
            key = self._snapshots.current.client_key(candidate)
            if key is not None and may_use(key, client):
                self._clients.admit_connection(client.id, key)
                data.valid = True
                return None
        if may_pass(client) and not ctx.options.proxyauth:
            data.valid = True
        elif not data.valid and self._snapshots.current.client_keys:
            return asyncio.sleep(self._wrong_keys.slow_down(client))
        return None

    def http_connect(self, flow: http.HTTPFlow) -> None:
        flow.request.headers.pop(PROXY_CREDENTIAL, None)
        if flow.response is not None:
            return
        try:
            self._check(flow)
        except Refused as e:
            flow.response = error_response(DEFAULT, e.error, e.headers)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if PROXY_CREDENTIAL in flow.request.data.headers:
            del flow.request.data.headers[PROXY_CREDENTIAL]
        if flow.response is not None or flow.is_replay:
            return
        if self._requests.of(flow).is_own:
            return
        try:
            self._check_request(flow)
        except Refused as e:
            flow.response = error_response(format_of_client(flow.request), e.error, e.headers)
            self._clients.refuse(flow)

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """Checks again, unless the body was streamed: the key may have been removed."""
        if flow.request.trailers is not None:
            flow.request.trailers.pop(PROXY_CREDENTIAL, None)
        over = flow.response or flow.error or not flow.live
        if over or flow.is_replay or flow.request.stream:
            return
        if not self._requests.of(flow).is_own:
            self._check_request(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Ends a WebSocket that passes through, once the key that opened it may not be used.

        Its messages have no head that `Access` could judge.
        """
        client = flow.client_conn.id
        key = self._clients.holder_of(client)
        if key is None and not self._clients.lost_holder(client):
            return
        if key is not None and may_use(key, peer_of(flow)):
            return
        if flow.websocket is not None and flow.websocket.messages:
            flow.websocket.messages[-1].drop()
        logger.info("switchyard: ended a WebSocket to %s: its client key may not be used any more",
                    flow.request.host)  # fmt: skip
        self._cut(client, "the client key may not be used any more")

    def _check_request(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if self._reach.names_another(flow):
            message = (
                f"The request's Host is not the host that it is sent to ({request.host}): "
                "send the same in both."
            )
            raise Refused(ApiError(message=message, kind="invalid_request"))
        if not self._requests.of(flow).is_routed:
            self._check(flow)

    def _check(self, flow: http.HTTPFlow) -> None:
        """Raises Refused if the client may not reach the flow's destination."""
        match self._reach.judge_flow(flow):
            case "yes":
                return
            case "key":
                message = (
                    "This router asks clients on other machines for a key before it is a proxy to "
                    "them: use http://any:KEY@ROUTER:PORT as the proxy."
                )
                error = ApiError(message=message, kind="authentication", status=407)
                raise Refused(error, _ASKS)
            case "certificate":
                message = "Clients on other machines must show this router a certificate, by https."
            case "no":
                message = (
                    f"This router is no proxy to {flow.request.host} for clients on other machines."
                )
        raise Refused(ApiError(message=message, kind="permission"))
