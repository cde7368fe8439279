"""Records exchanges: attempts as flows, streamed bodies, the exchange log."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import command
from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy import types
from mitmproxy.addonmanager import Loader

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.exchange import state_of
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.secrets import NOTHING
from switchyard.exchange.secrets import concealer_of
from switchyard.failover.attempt import Attempt
from switchyard.recording.attempt_flow import attempt_flow
from switchyard.recording.exchange_log import ExchangeLog
from switchyard.recording.export import export_of
from switchyard.recording.export import write_export
from switchyard.recording.flow_sinks import keeps_flows
from switchyard.recording.flow_sinks import kept_flows
from switchyard.recording.flow_sinks import shows_flows
from switchyard.recording.flow_sinks import store_flow
from switchyard.recording.live_tape import LiveTape
from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.metadata import REQUEST
from switchyard.recording.recording import Recording
from switchyard.recording.recording import record
from switchyard.recording.tape import Tape
from switchyard.redaction.concealing import Concealer
from switchyard.runtime.snapshots import Snapshots

logger = logging.getLogger(__name__)
_CHOICES: Sequence[str] = ("none", "failed", "changed", "all")


@dataclass(slots=True)
class _Running:
    """The recordings of a running call."""

    recordings: list[Recording] = field(default_factory=list)
    tape: Tape | None = None
    """The bytes sent to a client that streams."""


class Recorder:
    """Records the attempts of every exchange if a reader of flows or a log exists.

    Readers of flows are mitmweb, mitmproxy, `-w` and `hardump`; without them and without an
    exchange log in the configuration nothing is recorded. The attempts that `switchyard_attempts`
    names become flows: masked, linked to their call, and passed only to the addons that keep flows.
    """

    def __init__(self, snapshots: Snapshots, exchanges: Exchanges) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._shows = False
        self._log = ExchangeLog()
        self._running: dict[str, _Running] = {}
        """Running calls, by the ids of their flows."""
        self._attempts: WeakKeyDictionary[http.HTTPFlow, list[http.HTTPFlow]] = WeakKeyDictionary()
        """All attempts of kept calls, including those that are not shown."""

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "switchyard_attempts",
            str,
            "changed",
            "Attempts kept as flows beside the client's call: failed; changed (also those "
            "in another format, or streamed where the client is not); all; none.",
            choices=_CHOICES,
        )

    def running(self) -> None:
        self._shows = keeps_flows()

    def configure(self, updated: set[str]) -> None:
        # mitmproxy checks choices of its own flags only, not those of --set.
        if (chosen := ctx.options.switchyard_attempts) not in _CHOICES:
            raise exceptions.OptionsError(
                f"switchyard_attempts is {chosen!r}; it must be one of {', '.join(_CHOICES)}"
            )
        if updated & {"save_stream_file", "hardump", "flow_detail"}:
            self._shows = keeps_flows()

    def done(self) -> None:
        self._log.stop()

    @command.command("switchyard.export")
    def export(self, flows: Sequence[mflow.Flow], directory: types.Path) -> str:
        """Writes each call with all its attempts as files into a folder of its own.

        These are requests, answers and errors on both sides, with keys masked.
        """
        parent = Path(directory).expanduser()
        known = kept_flows()
        calls = {flow.id: flow for flow in known}
        wanted: dict[str, http.HTTPFlow] = {}
        for flow in flows:
            if isinstance(flow, http.HTTPFlow):
                call = calls.get(flow.metadata.get(REQUEST, flow.id), flow)
                wanted[call.id] = call
        written = []
        for call in wanted.values():
            attempts = self._attempts.get(call) or [
                flow for flow in known if flow is not call and flow.metadata.get(REQUEST) == call.id
            ]
            attempts = sorted(attempts, key=lambda flow: flow.metadata.get(ATTEMPT, 0))
            try:
                written.append(str(write_export(export_of(call, attempts), parent)[0]))
            except OSError as e:
                raise exceptions.CommandError(f"cannot write to {parent}: {e}") from e
        return "\n".join(written)

    def attempt(self, attempt: Attempt) -> None:
        settings = self._snapshots.current.config.exchange_log
        if not self._shows and settings is None:
            return
        exchange, state = self._exchanges.get(attempt.flow), state_of(attempt)
        if exchange is None:
            return
        keeps_bodies = self._shows or (settings is not None and settings.bodies)
        running = self._running.setdefault(exchange.call.flow.id, _Running())
        if running.tape is None:
            running.tape = Tape() if keeps_bodies else Tape(0)
            if shows_flows():
                running.tape = LiveTape(exchange)
        attempt.listener = running.tape.add
        self._show_failed(running, exchange, _next_step(attempt, state))
        if attempt.answer is not None or state is None:
            return
        if (recording := record(attempt, state)) is not None:
            running.recordings.append(recording)
            if not keeps_bodies:
                recording.body = Tape(0)

    def attempt_ended(self, attempt: Attempt) -> None:
        recording = attempt.observer
        if not isinstance(recording, Recording):
            return
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
        running = self._running.pop(flow.id, None)
        settings = self._snapshots.current.config.exchange_log
        if not self._shows and settings is None:
            return
        running = running or _Running()
        exchange = self._exchanges.get(flow)
        if exchange is None:
            return
        for recording in running.recordings:
            if not recording.over and exchange.broke_off:
                recording.failed = exchange.failures[-1]
            recording.over = recording.over or exchange.answered or exchange.broke_off
        secrets = concealer_of(exchange)
        self._keep_stream(flow, running.tape, secrets if self._shows else NOTHING)
        shown = exchange.shown
        if self._shows and shown is not None and shown.target.kind != "passthrough":
            _conceal_whole(flow, secrets)
        last = "" if exchange.answered else "given up"
        attempts = [self._made(recording, secrets, last) for recording in running.recordings]
        if self._shows:
            self._show(running.recordings)
            self._attempts[flow] = attempts
        if settings is not None:
            self._log.put(settings, export_of(flow, attempts, secrets, str(exchange.id)))

    def _keep_stream(self, flow: http.HTTPFlow, tape: Tape | None, secrets: Concealer) -> None:
        """Writes the streamed body into the flow, which otherwise has none."""
        if flow.response is None or tape is None or not tape.size:
            return
        # Assigning `content` would change headers that were sent.
        flow.response.data.content = secrets.data(tape.kept)
        if tape.note:
            flow.comment += f"; {tape.note}"

    def _show_failed(self, running: _Running, exchange: Exchange, next_step: str) -> None:
        """Shows the attempts that have failed so far, once the next step is decided."""
        over = [one for one in running.recordings if one.over and one.flow is None]
        if not over:
            return
        secrets = concealer_of(exchange)
        for recording in over:
            self._made(recording, secrets, next_step)
        if self._shows:
            self._show(over)

    def _made(self, recording: Recording, secrets: Concealer, next_step: str) -> http.HTTPFlow:
        if recording.flow is None:
            step = next_step if recording.failed is not None else ""
            # The log removes secrets from bodies itself, in its own thread.
            recording.flow = attempt_flow(recording, secrets if self._shows else NOTHING, step)
        return recording.flow

    def _show(self, recordings: Sequence[Recording]) -> None:
        wanted = ctx.options.switchyard_attempts
        for recording in recordings:
            if recording.flow is not None and not recording.shown and _is_wanted(recording, wanted):
                recording.shown = True
                recording.exchange.call.flow.metadata[REQUEST] = recording.exchange.call.flow.id
                store_flow(recording.flow)


def _conceal_whole(flow: http.HTTPFlow, secrets: Concealer) -> None:
    """Removes the client's secrets from a whole response before it is sent.

    A provider that its credential is forwarded to may repeat it.
    """
    response = flow.response
    if response is None or response.stream or "transfer-encoding" in response.headers:
        return
    content = response.raw_content
    if content and "content-encoding" not in response.headers:
        masked = secrets.data(content)
        if masked is not content:
            response.content = masked


def _is_wanted(recording: Recording, wanted: str) -> bool:
    if wanted in ("none", "all"):
        return wanted == "all"
    went_well = recording.over and recording.failed is None and not recording.lost
    return not went_well or (wanted == "changed" and recording.differs)


def _next_step(attempt: Attempt, state: AttemptState | None) -> str:
    if attempt.answer is not None:
        return "given up"
    if attempt.wait is not None:
        return f"waits {attempt.wait:.1f} s"
    return state.target.provider.name if state is not None else ""
