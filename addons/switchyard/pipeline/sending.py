"""Builds the request of one attempt: its address, headers, credential and bytes."""

from switchyard.attempt.adjustments import change_headers
from switchyard.attempt.body import complete_body
from switchyard.attempt.body import write_body
from switchyard.attempt.given_back import with_demands
from switchyard.attempt.headers import request_headers
from switchyard.attempt.passthrough import own_request
from switchyard.attempt.platforms import provider_body
from switchyard.attempt.platforms import provider_url
from switchyard.attempt.service import service_request
from switchyard.attempt.signing import sign_request
from switchyard.attempt.url import key_headers
from switchyard.attempt.url import timeouts
from switchyard.attempt.url import url_without_socket
from switchyard.config.provider import Provider
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_attempt
from switchyard.exchange.http_messages import make_request
from switchyard.failover.attempt import Attempt
from switchyard.redaction.aws_credentials import AwsCredentials
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.values.records import altered
from switchyard.wire.format import Format
from switchyard.wire.operations.service import ServiceCall


class Sending:
    """Builds the upstream request.

    It is kept in the attempt only. The flow keeps the client's request, so no view, dump, export or
    log of flows ever contains an upstream key.
    """

    def __init__(self, snapshots: Snapshots, state: State) -> None:
        self._snapshots = snapshots
        self._state = state

    @guarded
    @on_attempt
    def attempt(self, attempt: Attempt, state: AttemptState) -> None:
        upstream, provider = state.upstream_format, state.target.provider
        assert upstream
        if state.target.kind == "passthrough":
            attempt.request = own_request(state)
            self._set_out(attempt, state)
            return
        snapshot = self._snapshots.current
        base, path = snapshot.base_url(provider, upstream.name), call_path(state, upstream)
        streams = state.upstream_streams
        url = provider_url(provider, upstream, base, state.target.model, streams, path)
        body, changes = complete_body(state, upstream), []
        if state.operation is None:
            body = with_demands(self._state.thinking, snapshot.adjustments, state, body)
            adjusted = snapshot.adjustments.apply(state, body)
            body, changes, state.unsent = adjusted.body, adjusted.changes, adjusted.shortfall
            state.sent_body = body
        url = url_without_socket(url)
        headers = self._headers(state, upstream, provider)
        if provider.host_header:
            headers.setdefault("host", provider.host_header)
        body = provider_body(provider, upstream, body, headers, streams)
        if isinstance(service := state.call.operation, ServiceCall):
            request = service_request(state, service, url, headers)
        else:
            request = make_request(url, headers, write_body(state, body))
        change_headers(request.headers, changes)
        if isinstance(state.key, AwsCredentials):
            sign_request(request, state.key)
        attempt.request = request
        self._set_out(attempt, state)

    def _set_out(self, attempt: Attempt, state: AttemptState) -> None:
        """Sets the attempt's egress and its deadlines."""
        assert state.upstream_format
        credential, format = state.chosen.credential.id, state.upstream_format.name
        attempt.way = self._snapshots.current.egress.of(credential, format)
        attempt.timeouts = timeouts(state.target.provider, state.upstream_streams)
        if state.summarises:  # a summary reaches the client only at its end
            attempt.timeouts = altered(attempt.timeouts, first_output=attempt.timeouts.total)

    def _headers(self, state: AttemptState, upstream: Format, provider: Provider) -> dict[str, str]:
        # If the router requires client keys, the client's credential is one of those.
        forwards = provider.credentials == "forward" and not self._snapshots.current.client_keys
        headers = {
            "content-type": "application/json",
            "accept": upstream.content_type if state.upstream_streams else "application/json",
            # A compressed response would have to be decoded before it can be read.
            "accept-encoding": "identity",
            **upstream.headers(),
        }
        client = state.call.head.headers
        # A forwarded credential keeps the client's header if the upstream has the client's format:
        # an OAuth token is a Bearer and no API key.
        as_it_is = (
            forwards
            and state.passes_through
            and ("authorization" in client or "x-api-key" in client)
        )
        headers.update(request_headers(state, with_credential=as_it_is))
        if not as_it_is:
            headers |= key_headers(provider, upstream.name, state.key)
        for rule in provider.headers:
            if not rule.copy_of:
                headers[rule.name.lower()] = rule.value.get_secret_value()
            elif (value := client.get(rule.copy_of)) is not None:
                headers[rule.name.lower()] = value
        return headers


def call_path(state: AttemptState, upstream: Format) -> str:
    """Returns the path of the attempt's call, below the version segment.

    Raises BadRequest if the model's name cannot be part of it.
    """
    model = state.target.model
    if state.operation is not None:
        return state.operation.path(upstream.name, model)
    return upstream.path(model, state.upstream_streams)
