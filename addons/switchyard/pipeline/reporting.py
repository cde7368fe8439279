"""Reports requests to the readers of the router's events, as they begin, try and end."""

from mitmproxy import http

from switchyard.exchange.exchange import state_of
from switchyard.exchange.registry import Exchanges
from switchyard.failover.attempt import Attempt
from switchyard.management.desk import Desk
from switchyard.management.record_members import record_members
from switchyard.recording.request_record import ending_of
from switchyard.recording.request_record import record_of


class Reporting:
    """Publishes events while there are readers; without any it costs one look."""

    def __init__(self, exchanges: Exchanges, desk: Desk) -> None:
        self._exchanges = exchanges
        self._desk = desk
        self._events = desk.events

    def request(self, flow: http.HTTPFlow) -> None:
        if self._events.has_readers and (exchange := self._exchanges.get(flow)) is not None:
            self._events.publish("begun", self._desk.row_of(exchange))

    def attempt_ended(self, attempt: Attempt) -> None:
        if self._events.has_readers and (state := state_of(attempt)) is not None:
            exchange = state.exchange
            self._events.publish("tried", {"id": str(exchange.id), "route": exchange.steps()})

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        if self._events.has_readers and (exchange := self._exchanges.get(flow)) is not None:
            record = record_of(exchange, self._desk.rules(), ending_of(flow))
            row = {**record_members(record), "route": exchange.steps()}
            self._events.publish("ended", row)
