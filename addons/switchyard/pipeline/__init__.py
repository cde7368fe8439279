"""The pipeline: every addon, in the order in which they see each hook.

A module here defines addons and their private parts; no addon imports another.
"""

from switchyard.clients.wrong_keys import WrongKeys
from switchyard.exchange.refusing import refuse
from switchyard.failover.client_connections import ClientConnections
from switchyard.failover.control import FailoverControl
from switchyard.listener.bounds import ClientBounds
from switchyard.management.desk import Desk
from switchyard.pipeline.access import Access
from switchyard.pipeline.account_watch import AccountWatch
from switchyard.pipeline.accounting import Accounting
from switchyard.pipeline.annotation import Annotation
from switchyard.pipeline.call_log import CallLog
from switchyard.pipeline.client_trust import ClientTrust
from switchyard.pipeline.credentials import Credentials
from switchyard.pipeline.cross_origin import CrossOrigin
from switchyard.pipeline.discovery import Discovery
from switchyard.pipeline.exact_cache import ExactCache
from switchyard.pipeline.failover import Failover
from switchyard.pipeline.fallback import Fallback
from switchyard.pipeline.forwarding import Forwarding
from switchyard.pipeline.gate import Gate
from switchyard.pipeline.handover import Handover
from switchyard.pipeline.heartbeat import Heartbeat
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.limiting import Limiting
from switchyard.pipeline.listener_tls import ListenerTls
from switchyard.pipeline.log_lines import LogLines
from switchyard.pipeline.management import Management
from switchyard.pipeline.management_api import ManagementApi
from switchyard.pipeline.masking import Masking
from switchyard.pipeline.measuring import Measuring
from switchyard.pipeline.memory_return import MemoryReturn
from switchyard.pipeline.passed_windows import PassedWindows
from switchyard.pipeline.peers import Peers
from switchyard.pipeline.quota_watch import QuotaWatch
from switchyard.pipeline.reading import Reading
from switchyard.pipeline.recorder import Recorder
from switchyard.pipeline.release import Release
from switchyard.pipeline.reporting import Reporting
from switchyard.pipeline.rights import Rights
from switchyard.pipeline.routing import Routing
from switchyard.pipeline.sending import Sending
from switchyard.pipeline.settings import Settings
from switchyard.pipeline.sharing import StateSharing
from switchyard.pipeline.status import Status
from switchyard.pipeline.stopping import Stopping
from switchyard.pipeline.tracing import Tracing
from switchyard.pipeline.translation import Translation
from switchyard.pipeline.tunnels import Tunnels
from switchyard.pipeline.usage import UsageCounting
from switchyard.pipeline.webhook_events import WebhookEvents
from switchyard.pipeline.websockets import Websockets
from switchyard.reach import Reach
from switchyard.runtime.runtime import Runtime


def build(runtime: Runtime | None = None, control: FailoverControl | None = None) -> list[object]:
    """Returns the addons in their order, for `runtime` or a new one.

    `control` replaces the addon `Failover` where there is no proxy, and receives its calls instead.
    """
    return _addons(runtime or Runtime(), control)


def _addons(runtime: Runtime, control: FailoverControl | None) -> list[object]:
    snapshots, listeners, ledger = runtime.snapshots, runtime.listeners, runtime.ledger
    clients, exchanges, sessions = runtime.clients, runtime.exchanges, runtime.sessions
    state, requests, accounts = runtime.state, runtime.requests, runtime.accounts
    reach, trust = Reach(snapshots, listeners, clients), ClientTrust(snapshots, listeners)
    wrong_keys, desk, connections = WrongKeys(), Desk(runtime), ClientConnections()
    intake = Intake(snapshots, listeners, requests, clients, exchanges, sessions, state, reach)
    tunnels = Tunnels(snapshots, listeners, reach, trust.spares)
    failover = _failover(runtime, intake, tunnels, connections)
    control = control or failover
    return [
        LogLines(snapshots),
        Settings(runtime),
        *_ending(runtime, connections),
        AccountWatch(accounts),
        MemoryReturn(),
        QuotaWatch(runtime),
        Discovery(runtime),
        *_admission(runtime, reach, wrong_keys, connections),
        tunnels,
        ListenerTls(snapshots, listeners),
        failover,
        Masking(requests, exchanges),
        Rights(snapshots, requests, clients, exchanges),
        Forwarding(snapshots, requests, exchanges, reach),
        Websockets(snapshots, listeners, requests, clients, exchanges, sessions, state, control),
        intake,
        ManagementApi(desk, requests, clients, exchanges, control, wrong_keys),
        Management(snapshots, requests, clients, exchanges, state, ledger, accounts),
        Routing(snapshots, requests, clients, exchanges, control, state, ledger),
        Limiting(snapshots, exchanges, state, runtime.gate, runtime.webhooks),
        ExactCache(snapshots, exchanges),
        Credentials(snapshots, exchanges, state, ledger, accounts),
        *_attempts(runtime),
        UsageCounting(exchanges, state.calibration),
        *_records(runtime, desk),
        Status(snapshots, state, ledger, accounts),
        trust,
        Release(exchanges, requests, clients, control),
        StateSharing(runtime.sharing),
        WebhookEvents(runtime),
    ]


def _admission(
    runtime: Runtime, reach: Reach, wrong_keys: WrongKeys, connections: ClientConnections
) -> list[object]:
    """Returns the addons that decide who may call, by a request's head."""
    snapshots, requests, clients = runtime.snapshots, runtime.requests, runtime.clients
    exchanges, sessions = runtime.exchanges, runtime.sessions
    return [
        Peers(snapshots),
        CrossOrigin(snapshots, requests, clients),
        Access(snapshots, requests, clients, exchanges, sessions, reach, wrong_keys),
        Gate(snapshots, requests, clients, reach, wrong_keys, connections.cut),
    ]


def _records(runtime: Runtime, desk: Desk) -> list[object]:
    """Returns the addons that record what happened, for whoever looks."""
    snapshots, exchanges, requests = runtime.snapshots, runtime.exchanges, runtime.requests
    ledger = runtime.ledger
    return [
        Accounting(runtime, requests, runtime.clients, exchanges, ledger, runtime.gate),
        Measuring(runtime, desk.measurements),
        Reporting(exchanges, desk),
        PassedWindows(requests, ledger),
        Annotation(snapshots, exchanges),
        CallLog(exchanges, runtime.state),
        Recorder(snapshots, exchanges),
        Tracing(runtime, exchanges),
    ]


def _ending(runtime: Runtime, connections: ClientConnections) -> list[object]:
    """Returns the addons that end this process, and have another one take its place."""
    stopping = Stopping(runtime.snapshots, runtime.state, connections)
    return [stopping, Handover(stopping.drain)]


def _attempts(runtime: Runtime) -> list[object]:
    """Returns the addons that make an attempt of a target and a key, and judge how it ended."""
    snapshots, exchanges, state = runtime.snapshots, runtime.exchanges, runtime.state
    return [
        Translation(snapshots, state),
        Sending(snapshots, state),
        Reading(snapshots, exchanges, state),
        Heartbeat(snapshots, exchanges, runtime.sessions),
        Fallback(snapshots, exchanges, state, runtime.accounts),
    ]


def _failover(
    runtime: Runtime, intake: Intake, tunnels: Tunnels, connections: ClientConnections
) -> Failover:
    snapshots, addressed = runtime.snapshots, runtime.listeners.addressed
    bounds = ClientBounds(
        limits=lambda: snapshots.current.config.limits,
        refuse=refuse,
        trusted=lambda: snapshots.current.config.trusted_proxies,
    )
    return Failover(intake.may_forward, tunnels, runtime.clients, bounds, addressed, connections)
