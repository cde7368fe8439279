"""A service of a provider (see `wire.operations.service`): its request, and its response."""

from collections.abc import Iterator
from collections.abc import Mapping

from mitmproxy import http

from switchyard.attempt.headers import answer_headers
from switchyard.attempt.receiver import RelayReceiver
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.http_messages import make_request
from switchyard.exchange.http_messages import make_response
from switchyard.wire.operations.service import ServiceCall

_SMALL = 65536
"""Bytes up to which a response is given at once, as JSON is."""

_OF_THE_CONTENT = ("content-type", "content-disposition", "content-language", "content-range")
"""Headers of a response that say what its content is."""


def service_request(
    state: AttemptState, service: ServiceCall, url: str, headers: Mapping[str, str]
) -> http.Request:
    """Return the request to a provider; `headers` are those of a call to a model there."""
    named = {**headers, **dict(_of_client(state))}
    content = service.content(state.target.model)
    if not content:
        named.pop("content-type", None)
    request = make_request(url, named, content)
    request.method = service.http_method
    if not content and service.http_method != "POST":
        del request.headers["content-length"]
    return request


def _of_client(state: AttemptState) -> Iterator[tuple[str, str]]:
    headers = state.call.head.headers
    yield "accept", headers.get("accept", "*/*")
    if kind := headers.get("content-type"):
        yield "content-type", kind


class ServiceReceiver(RelayReceiver):
    """Gives the client the status, content type and bytes of a response.

    JSON and what is small is given at once; all else streams from its first byte on, to which
    nothing may be added.
    """

    def start(self, response: http.Response) -> None:
        kind = response.headers.get("content-type", "").lower()
        is_json = kind.partition(";")[0].strip().endswith(("/json", "+json"))
        length = response.headers.get("content-length", "")
        is_small = length.isdecimal() and int(length[:20]) <= _SMALL
        has_none = response.status_code in (204, 205)
        self._relay.streams = not (is_json or is_small or has_none)
        super().start(response)

    @property
    def verbatim(self) -> bool:
        return True

    def head(self) -> http.Response:
        upstream = self._upstream
        assert upstream is not None
        named = {n: v for n in _OF_THE_CONTENT if (v := upstream.headers.get(n)) is not None}
        for name, value in answer_headers(self._state, upstream.headers):
            named[name] = self._text(value)
        streams = self._relay.streams
        body = None if streams else self._conceal(self._relay.body)
        return make_response(upstream.status_code, named.items(), body)
