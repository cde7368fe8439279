"""Records every call once it is over, whatever its route and its outcome."""

import logging
from collections.abc import Awaitable
from copy import copy
from functools import partial

from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.clients.estimates import figures_of
from switchyard.clients.estimates import used_by
from switchyard.clients.limit_gate import NO_USE
from switchyard.clients.limit_gate import LimitGate
from switchyard.clients.limit_gate import Passage
from switchyard.exchange.classification import Classifier
from switchyard.exchange.endpoints import ASKS_MODEL
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.registry import Exchanges
from switchyard.management.announcing import announce_request
from switchyard.recording.background_usage import attribute
from switchyard.recording.background_usage import settle_run
from switchyard.recording.cache_verdicts import CacheVerdicts
from switchyard.recording.refused_call import RefusedCall
from switchyard.recording.refused_call import record_of_refusal
from switchyard.recording.request_record import Ending
from switchyard.recording.request_record import Rules
from switchyard.recording.request_record import ending_of
from switchyard.recording.request_record import record_of
from switchyard.recording.request_record import spent_in
from switchyard.recording.request_record import told_by
from switchyard.recording.window_notes import windows_of
from switchyard.runtime.runtime import Runtime
from switchyard.runtime.usage_rules import place_of
from switchyard.runtime.usage_rules import rules_of
from switchyard.usage.ids import REQUEST_ID
from switchyard.usage.ids import new_hex
from switchyard.usage.ledger import Ledger
from switchyard.usage.records import RequestRecord
from switchyard.usage.writer import Making
from switchyard.wire.format import Endpoint

logger = logging.getLogger(__name__)

_REQUEST_ID = REQUEST_ID.encode()


class Accounting:
    """Makes the record of each call that ends; the ledger's thread writes it.

    Every response of the router has the id of its record (`x-switchyard-request`).
    """

    def __init__(
        self,
        runtime: Runtime,
        requests: Classifier,
        clients: Clients,
        exchanges: Exchanges,
        ledger: Ledger,
        gate: LimitGate,
    ) -> None:
        self._runtime = runtime
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges
        self._ledger = ledger
        self._gate = gate
        self._verdicts = CacheVerdicts()
        self._rules: Rules | None = None
        self._config: object = None
        """The configuration that `_rules` were made from."""
        self._ids: dict[str, str] = {}
        """Ids of responses without an exchange, by flow."""

    def configure(self, updated: set[str]) -> None:
        # Before the router listens: its first request is on record too.
        self._runtime.follow(self._follow)

    def done(self) -> None:
        for exchange in self._exchanges.running():
            if (passage := self._gate.leave(exchange.call.flow.id)) is not None:
                self._settled(exchange, passage, None)
            self._count_interrupted(exchange)
        self._ledger.close()

    def request(self, flow: http.HTTPFlow) -> None:
        if not self._ledger.on or (exchange := self._exchanges.get(flow)) is None:
            return
        make = partial(_of_running, exchange, self._current_rules())
        self._ledger.begin(exchange.call.asked.id, make)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if (exchange := self._exchanges.get(flow)) is not None:
            id = exchange.call.asked.id
            # At once: a stream may last for minutes, and other requests choose meanwhile.
            self._note_windows(exchange)
        elif self._called(flow) is not None:
            id = self._ids[flow.id] = new_hex()
        else:
            return
        assert flow.response
        headers = flow.response.headers
        headers.fields = (*headers.fields, (_REQUEST_ID, spelled(id).encode()))

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        return self._end(flow)

    def error(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        return self._end(flow)

    def _follow(self) -> None:
        self._ledger.keep_at(place_of(self._runtime.snapshot.config))

    def _end(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        exchange, passage = self._exchanges.get(flow), self._gate.leave(flow.id)
        if exchange is not None:
            self._note_windows(exchange)
            if (settling := settle_run(exchange, self._ledger.runs)) is not None:
                return self._end_later(settling, flow, exchange, passage)
        self._record_end(flow, exchange, passage)
        return None

    async def _end_later(
        self,
        settling: Awaitable[None],
        flow: http.HTTPFlow,
        exchange: Exchange,
        passage: Passage | None,
    ) -> None:
        try:
            await settling
        except Exception:
            logger.exception("usage: a run in the background cannot be kept track of")
        self._record_end(flow, exchange, passage)

    def _record_end(
        self, flow: http.HTTPFlow, exchange: Exchange | None, passage: Passage | None
    ) -> None:
        if not self._ledger.on and passage is None and not self._ledger.counters:
            self._ids.pop(flow.id, None)
            return
        if exchange is not None:
            if passage is not None and not self._ledger.on and not self._ledger.counters:
                return self._charge(exchange, passage)
            ending = ending_of(flow)
            if self._ledger.defers:
                exchange = copy(exchange)  # this one is about to be released
            make: Making = partial(self._record, exchange, ending)
            if passage is not None:
                make = self._settled(exchange, passage, ending)
            self._ledger.end(exchange.call.asked.id, make)
        elif (endpoint := self._called(flow)) is not None:
            refusal = self._refusal(flow, endpoint)
            self._ledger.end(refusal.id, partial(self._refused, refusal, ending_of(flow)))

    def _refused(self, refusal: RefusedCall, ending: Ending) -> RequestRecord:
        record = record_of_refusal(refusal, ending)
        announce_request(self._runtime.webhooks, record)
        return record

    def _count_interrupted(self, exchange: Exchange) -> None:
        """Counts a request that the ledger puts on record as interrupted."""
        if self._ledger.counters:
            record = record_of(exchange, self._current_rules(), None)
            record.state = "interrupted"
            for count in self._ledger.counters.values():
                count(record)

    def _settled(self, exchange: Exchange, passage: Passage, ending: Ending | None) -> Making:
        """Charges the key of a request with what its record says; returns that record."""
        used = passage.figures
        try:
            record = self._record(exchange, ending)
            used = used_by(record)
        finally:
            self._gate.settle(passage, used)
        return lambda: record

    def _charge(self, exchange: Exchange, passage: Passage) -> None:
        """Charges the key of a request of which nobody wants a record."""
        used = passage.figures
        try:
            # What it cost takes as long to work out as all the rest, and few limits are of money.
            rules = self._current_rules() if passage.rule.has_money else None
            spent = spent_in(exchange, rules)
            used = figures_of(*spent) if spent is not None else NO_USE
        finally:
            self._gate.settle(passage, used)

    def _record(self, exchange: Exchange, ending: Ending | None) -> RequestRecord:
        record = record_of(exchange, self._current_rules(), ending)
        attribute(record, exchange)
        record.cache_verdict = self._verdicts.judge(exchange, record)
        announce_request(self._runtime.webhooks, record)
        return record

    def _note_windows(self, exchange: Exchange) -> None:
        for owner, windows in windows_of(exchange, self._ledger.fingerprint):
            self._ledger.note(owner, windows)

    def _called(self, flow: http.HTTPFlow) -> Endpoint | None:
        """Returns the call that a request would have been, if it never became an exchange."""
        asked = self._requests.of(flow)
        if asked.endpoint is None or asked.endpoint.kind not in ASKS_MODEL:
            return None
        return asked.endpoint if asked.is_own or asked.is_routed else None

    def _refusal(self, flow: http.HTTPFlow, endpoint: Endpoint) -> RefusedCall:
        return RefusedCall(
            id=self._ids.pop(flow.id, None) or new_hex(),
            endpoint=endpoint,
            told=told_by(flow.request.headers),
            client=self._clients.caller_of(flow),
            started=flow.request.timestamp_start,
            size=len(flow.request.raw_content or b""),
        )

    def _current_rules(self) -> Rules:
        config = self._runtime.snapshot.config
        if self._rules is None or config is not self._config:
            self._rules, self._config = rules_of(self._runtime.snapshot), config
        return self._rules


def _of_running(exchange: Exchange, rules: Rules) -> RequestRecord:
    """Makes the record of a request under way, in the writer's thread.

    Of a copy: the event loop may release the exchange meanwhile.
    """
    return record_of(copy(exchange), rules, None)


def spelled(id: str) -> str:
    """Formats the hex digits of a UUID (RFC 9562, 4)."""
    return f"{id[:8]}-{id[8:12]}-{id[12:16]}-{id[16:20]}-{id[20:]}"
