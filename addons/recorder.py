"""Shows attempts as flows of their own, and keeps streamed bodies that would be gone."""

from collections.abc import Sequence

from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.addonmanager import Loader

from addons.confidential import secrets_of
from addons.confidential import without_bytes
from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.keepers import keep
from addons.keepers import keeps_flows
from addons.recording import REQUEST
from addons.recording import Recording
from addons.recording import RecordingReceiver
from addons.recording import Tape
from addons.recording import attempt_flow
from addons.recording import record
from addons.runtime import Runtime

_CHOICES: Sequence[str] = ("none", "failed", "changed", "all")


class Recorder:
    """Where somebody keeps flows (mitmweb, mitmproxy, `-w`, `hardump`), every attempt is recorded,
    and those that `switchyard_attempts` names become flows: masked, linked to their call, and told
    to the addons that keep flows alone. Where nobody does, nothing is recorded.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._shows = False

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "switchyard_attempts",
            str,
            "changed",
            "Which attempts are flows of their own, besides the client's call: those that failed; "
            "also those that were answered in another format than the client's, or as a stream "
            "where it wanted none; all; none.",
            choices=_CHOICES,
        )

    def running(self) -> None:
        self._look()

    def configure(self, updated: set[str]) -> None:
        if updated & {"save_stream_file", "hardump", "switchyard_attempts"}:
            self._look()

    def _look(self) -> None:
        self._shows = keeps_flows()

    def attempt(self, attempt: Attempt) -> None:
        if not self._shows:
            return
        exchange = self._runtime.exchanges.of(attempt)
        if exchange is None:
            return
        if exchange.tape is None:
            exchange.tape = Tape()
        attempt.listener = exchange.tape.add
        self._show_failed(exchange, _next_step(attempt, exchange))
        if attempt.answer is None and (recording := record(attempt, exchange)) is not None:
            exchange.recordings.append(recording)

    def attempt_ended(self, attempt: Attempt) -> None:
        if not isinstance(attempt.receiver, RecordingReceiver):
            return
        recording = attempt.receiver.recording
        recording.over = True
        recording.lost = attempt.lost
        failures = recording.exchange.failures
        if not attempt.lost and failures:
            recording.failed = failures[-1]

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        exchange = self._runtime.exchanges.get(flow)
        if exchange is None or exchange.tape is None:
            return
        for recording in exchange.recordings:
            if not recording.over and exchange.broke_off:
                recording.failed = exchange.failures[-1]
            recording.over = recording.over or exchange.answered or exchange.broke_off
        secrets = secrets_of(exchange)
        self._show(exchange, exchange.recordings, "" if exchange.answered else "given up", secrets)
        exchange.recordings.clear()
        if flow.response is not None and not flow.response.raw_content and exchange.tape.size:
            # What was streamed is gone by now. `content` would change headers that were sent.
            flow.response.data.content = without_bytes(secrets, exchange.tape.kept)
            if exchange.tape.note:
                flow.comment += f"; {exchange.tape.note}"

    def _show_failed(self, exchange: Exchange, next_step: str) -> None:
        """Show what failed until now: what follows is known."""
        over = [recording for recording in exchange.recordings if recording.over]
        if over:
            self._show(exchange, over, next_step, secrets_of(exchange))
            for recording in over:
                exchange.recordings.remove(recording)

    def _show(
        self,
        exchange: Exchange,
        recordings: Sequence[Recording],
        next_step: str,
        secrets: list[str],
    ) -> None:
        wanted = ctx.options.switchyard_attempts
        for recording in recordings:
            step = next_step if recording.failed is not None else ""
            if _is_wanted(recording, wanted):
                exchange.flow.metadata[REQUEST] = exchange.flow.id
                keep(attempt_flow(recording, secrets, step))


def _is_wanted(recording: Recording, wanted: str) -> bool:
    if wanted in ("none", "all"):
        return wanted == "all"
    went_well = recording.over and recording.failed is None and not recording.lost
    return not went_well or (wanted == "changed" and recording.differs)


def _next_step(attempt: Attempt, exchange: Exchange) -> str:
    if attempt.answer is not None:
        return "given up"
    if attempt.wait is not None:
        return f"waits {attempt.wait:.1f} s"
    return exchange.target.provider.name if exchange.target is not None else ""
