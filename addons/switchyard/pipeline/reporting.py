"""Reports requests to the readers of the router's events, as they begin, try and end."""

from mitmproxy import http

from switchyard.exchange.exchange import state_of
from switchyard.exchange.registry import Exchanges
from switchyard.failover.attempt import Attempt
from switchyard.management.desk import Desk
from switchyard.recording.request_record import ending_of


class Reporting:
    """Notes what requests do while there are readers; without any it costs one look."""

    def __init__(self, exchanges: Exchanges, desk: Desk) -> None:
        self._exchanges = exchanges
        self._news = desk.news
        self._events = desk.events

    def request(self, flow: http.HTTPFlow) -> None:
        if self._events.has_readers:
            self._events.awake()

    def attempt_ended(self, attempt: Attempt) -> None:
        if self._events.has_readers and (state := state_of(attempt)) is not None:
            self._news.note_attempt(state.exchange)
            self._events.awake()

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        if self._events.has_readers and (exchange := self._exchanges.get(flow)) is not None:
            self._news.end(exchange, ending_of(flow))
            self._events.awake()
