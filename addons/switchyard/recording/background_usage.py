"""Attributes the usage of runs in a provider's background, which comes after their calls' ends."""

import asyncio
from collections.abc import Awaitable

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.sessions import find_session
from switchyard.recording.request_record import bounded_name
from switchyard.recording.request_record import project_of
from switchyard.recording.request_record import told_by
from switchyard.usage.background_runs import BackgroundRun
from switchyard.usage.background_runs import BackgroundRuns
from switchyard.usage.records import RequestRecord
from switchyard.wire.operations.stored_response import StoredResponse
from switchyard.wire.operations.stored_response import StoredResponseRelay

OPERATION = "background"
"""The operation of the record that has a run's tokens."""


def settle_run(exchange: Exchange, runs: BackgroundRuns) -> Awaitable[None] | None:
    """Notes what a call began in the background, or counts what it reports of such a run.

    To be done before the exchange's record is made. None for every other call. Of a run that
    `runs` does not know nothing is counted: the call that began it has its usage, or had no key of
    this router's.
    """
    if exchange.run is not None:
        return _counted(exchange, runs)
    if exchange.call.body.get("background") is not True:
        return None
    begun = [(state, state.run_id) for state in exchange.tries if state.run_id is not None]
    return _noted(exchange, begun, runs) if begun else None


def attribute(record: RequestRecord, exchange: Exchange) -> None:
    """Give the record of a look at a run what the record of its call has."""
    if (run := exchange.run) is None:
        return
    record.model, record.asked_model, record.combo = run.model, run.asked_model, run.combo
    record.session, record.project = run.session, run.project
    if exchange.shown is not None and exchange.shown.relay is not None:
        if exchange.shown.relay.usage is not None:
            record.operation = OPERATION
    for attempt in record.tries:
        attempt.model = run.model


async def _noted(
    exchange: Exchange, begun: list[tuple[AttemptState, str]], runs: BackgroundRuns
) -> None:
    call, plan = exchange.call, exchange.plan
    for state, id in begun:
        run = BackgroundRun(
            provider=state.target.provider.name,
            model=state.target.model or call.model,
            credential=state.chosen.credential.id,
            asked_model=bounded_name(call.model),
            combo=bounded_name(plan.base) if plan is not None and plan.kind == "combo" else None,
            session=find_session(exchange),
            project=project_of(told_by(call.head.headers), call.client),
        )
        counted = state.relay is not None and state.relay.usage is not None
        await asyncio.to_thread(runs.note, id, call.owner, run, counted)


async def _counted(exchange: Exchange, runs: BackgroundRuns) -> None:
    operation, shown = exchange.call.operation, exchange.shown
    relay = shown.relay if shown is not None else None
    if not isinstance(operation, StoredResponse) or not isinstance(relay, StoredResponseRelay):
        return
    if relay.told is not None and await asyncio.to_thread(runs.take, operation.id):
        relay.outcome.usage = relay.told
