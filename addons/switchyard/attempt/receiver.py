"""Connects the failover stream to a relay."""

import time
from collections.abc import Callable

from mitmproxy import http

from switchyard.attempt.headers import answer_headers
from switchyard.attempt.headers import stream_head
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.http_messages import make_response
from switchyard.exchange.secrets import answering
from switchyard.failover.attempt import AttemptFailure
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.relay.relay import Relay

_JSON = "application/json"


class RelayReceiver:
    """Gives the client what a relay makes of the upstream's response."""

    def __init__(
        self,
        state: AttemptState,
        relay: Relay | OperationRelay,
        succeeded: Callable[[AttemptState], None],
        completed: Callable[[AttemptState], None] | None = None,
    ) -> None:
        self._state = state
        self._relay = relay
        self._outcome = relay.outcome
        self._upstream: http.Response | None = None
        secrets = answering(state)
        self._conceal, self._text = secrets.data, secrets.text
        self._tell_success: Callable[[AttemptState], None] | None = succeeded
        self._tell_end = completed

    @property
    def committed(self) -> bool:
        return self._outcome.committed

    @property
    def failed(self) -> bool:
        return self._outcome.failed

    @property
    def verbatim(self) -> bool:
        return False

    @property
    def done(self) -> bool:
        return self._outcome.done

    @property
    def answered(self) -> bool:
        return self._relay.answered

    @property
    def progress(self) -> int:
        return self._outcome.progress

    @property
    def enough(self) -> bool:
        return self._outcome.enough

    @property
    def resumable(self) -> bool:
        return self._relay.resumable

    def closing(self) -> bytes:
        return self._relay.closing()

    @property
    def whole(self) -> bool:
        return not self._relay.streams

    def start(self, response: http.Response) -> None:
        self._upstream = response
        headers = response.headers
        self._state.upstream_headers = headers
        self._state.headed_at = time.monotonic()
        self._relay.start(
            response.status_code,
            headers.get("content-type", ""),
            headers.get("content-encoding", ""),
        )

    def data(self, data: bytes) -> bytes:
        out = self._relay.feed(data)
        self._notice()
        self._state.sent += len(out)
        return self._conceal(out) if out else out

    def skim(self, data: bytes) -> bytes | None:
        out = self._relay.skim(data)
        if out is not None:
            self._state.sent += len(out)
            # All but the words has been looked through before, and short ones give nothing away.
            words = self._outcome.long_words
            if words and self._conceal(words) is not words:
                return self._conceal(out)
        return out

    def end(self) -> bytes:
        out = self._relay.end()
        self._notice()
        self._state.sent += len(out)
        return self._conceal(out) if out else out

    def _notice(self) -> None:
        outcome = self._outcome
        if outcome.committed and self._tell_success is not None:
            self._tell_success(self._state)
            self._tell_success = None
        if outcome.committed and outcome.done and not outcome.failed and self._tell_end is not None:
            self._tell_end(self._state)
            self._tell_end = None

    def broken(self, failure: AttemptFailure) -> bytes:
        return self._conceal(self._relay.cut(failure.message))

    def head(self) -> http.Response:
        assert self._upstream
        relay = self._relay
        head = dict(stream_head(self._state.call)) if relay.streams else {"content-type": _JSON}
        told = dict(answer_headers(self._state, self._upstream.headers))
        values = "\n".join(told.values())
        if self._text(values) is not values:
            told = {name: self._text(value) for name, value in told.items()}
        head |= told
        body = None if relay.streams else self._conceal(relay.body)
        if body is not None:
            self._state.sent = len(body)
        return make_response(200, head.items(), body)
