"""Forwards requests for the management API and the dashboard to their server in this process."""

import logging
from collections.abc import Awaitable
from pathlib import Path

from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.addonmanager import Loader

from switchyard.clients.clients import Clients
from switchyard.clients.wrong_keys import WrongKeys
from switchyard.egress.egress import Egress
from switchyard.exchange.classification import Classifier
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import is_over
from switchyard.exchange.guard import on_request
from switchyard.exchange.registry import Exchanges
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import Timeouts
from switchyard.failover.control import FailoverControl
from switchyard.listener.forwarded import peer_of
from switchyard.management.caller import Caller
from switchyard.management.desk import Desk
from switchyard.management.file_edits import FileEdits
from switchyard.management.guard import ManagementGuard
from switchyard.management.link import ApiReceiver
from switchyard.management.link import api_request
from switchyard.management.refusals import Barred
from switchyard.management.refusals import problem_response
from switchyard.management.server import ApiServer
from switchyard.redaction.headers import MASK

_TIMEOUTS = Timeouts(first_byte=120.0, first_output=None, between_chunks=None, total=None)
_COOKIE = "set-cookie"


class ManagementApi:
    """Admits callers of the API, and sends what they ask for to its server.

    The server starts with the first request that is admitted. Its answers stream to the client as
    those of an upstream do. Neither bodies nor cookies stay in flows.
    """

    def __init__(
        self,
        desk: Desk,
        requests: Classifier,
        clients: Clients,
        exchanges: Exchanges,
        control: FailoverControl,
        wrong_keys: WrongKeys,
    ) -> None:
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges
        self._control = control
        self._wrong_keys = wrong_keys
        self._desk = desk
        self._guard = ManagementGuard(desk.runtime.snapshots, clients)
        self._server = ApiServer(desk)
        self._edits = FileEdits(desk)
        self._others = desk.others
        self._log = desk.log
        self._callers: dict[str, Caller] = {}
        self._bodies: dict[str, bytes] = {}

    def load(self, loader: Loader) -> None:
        # Before `running`, which comes only after the router has said that it is ready.
        logging.getLogger().addHandler(self._log)

    def configure(self, updated: set[str]) -> None:
        if "confdir" in updated:
            self._desk.confdir = Path(ctx.options.confdir)

    def running(self) -> None:
        self._edits.begin()
        self._others.begin()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response is not None or flow.error is not None or not self._is_asked(flow):
            return
        try:
            self._callers[flow.id] = self._guard.admit(flow, self._exchanges.head_of(flow))
        except Barred as barred:
            flow.response = problem_response(barred.status, barred.detail)
            client = peer_of(flow)
            delay = self._wrong_keys.slow_down(client, "management") if barred.wrong_key else 0.0
            self._clients.refuse(flow, delay)

    @guarded
    @on_request
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if not self._is_asked(flow):
            return None
        if flow.id not in self._callers:
            flow.response = problem_response(404, "There is no such page here.")
            return None
        self._bodies[flow.id] = flow.request.content or b""
        flow.request.data.content = b""
        return self._begin(flow)

    async def _begin(self, flow: http.HTTPFlow) -> None:
        await self._server.start()
        if not is_over(flow):
            self._control.route(flow)

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        flow = attempt.flow
        if (caller := self._callers.pop(flow.id, None)) is None:
            return
        attempt.request = api_request(
            flow.request,
            self._exchanges.head_of(flow),
            self._bodies.pop(flow.id, b""),
            caller,
            self._server.proof,
            self._clients.host_of(flow) or "localhost",
        )
        attempt.receiver = ApiReceiver(flow.request.method)
        attempt.way = Egress(socket=self._server.socket)
        attempt.timeouts = _TIMEOUTS

    def attempt_ended(self, attempt: Attempt) -> None:
        if self._is_asked(attempt.flow):
            detail = "The management API did not answer; the router's log has more."
            attempt.answer = problem_response(503, detail)

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    async def done(self) -> None:
        logging.getLogger().removeHandler(self._log)
        await self._others.close()
        await self._server.stop()

    def _end(self, flow: http.HTTPFlow) -> None:
        self._callers.pop(flow.id, None)
        self._bodies.pop(flow.id, None)
        response = flow.response
        if response is not None and _COOKIE in response.headers and self._is_asked(flow):
            response.headers[_COOKIE] = MASK  # its head was sent before its body

    def _is_asked(self, flow: http.HTTPFlow) -> bool:
        asked = self._requests.of(flow)
        return asked.endpoint is not None and asked.endpoint.kind == "management"
