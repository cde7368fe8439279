"""The pipeline: every addon, in the order in which they see each hook.

A module here defines addons and what only they use; no addon imports another.
"""

from switchyard.clients.wrong_keys import WrongKeys
from switchyard.exchange.refusing import refuse
from switchyard.listener.bounds import ClientBounds
from switchyard.pipeline.access import Access
from switchyard.pipeline.annotation import Annotation
from switchyard.pipeline.client_trust import ClientTrust
from switchyard.pipeline.credentials import Credentials
from switchyard.pipeline.discovery import Discovery
from switchyard.pipeline.failover import Failover
from switchyard.pipeline.fallback import Fallback
from switchyard.pipeline.forwarding import Forwarding
from switchyard.pipeline.gate import Gate
from switchyard.pipeline.heartbeat import Heartbeat
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.listener_tls import ListenerTls
from switchyard.pipeline.log_lines import LogLines
from switchyard.pipeline.management import Management
from switchyard.pipeline.masking import Masking
from switchyard.pipeline.reading import Reading
from switchyard.pipeline.recorder import Recorder
from switchyard.pipeline.release import Release
from switchyard.pipeline.rights import Rights
from switchyard.pipeline.routing import Routing
from switchyard.pipeline.sending import Sending
from switchyard.pipeline.settings import Settings
from switchyard.pipeline.status import Status
from switchyard.pipeline.translation import Translation
from switchyard.pipeline.tunnels import Tunnels
from switchyard.pipeline.usage import UsageCounting
from switchyard.pipeline.websockets import Websockets
from switchyard.runtime import Runtime


def build(runtime: Runtime | None = None) -> list[object]:
    """Create the addons in their order, for `runtime` or a new one."""
    runtime = runtime or Runtime()
    intake = Intake(runtime)
    wrong_keys = WrongKeys()
    trust = ClientTrust(runtime)
    tunnels = Tunnels(runtime, trust.spares)
    bounds = ClientBounds(limits=lambda: runtime.config.limits, refuse=refuse)
    failover = Failover(
        may_forward=intake.may_forward, door=tunnels, heads=runtime.exchanges, bounds=bounds
    )
    if not hasattr(runtime, "failover"):
        runtime.failover = failover
    return [
        LogLines(runtime),
        Settings(runtime),
        Discovery(runtime),
        Access(runtime, wrong_keys),
        Gate(runtime, wrong_keys),
        tunnels,
        ListenerTls(runtime),
        failover,
        Masking(runtime),
        Rights(runtime),
        Forwarding(runtime),
        Websockets(runtime),
        intake,
        Management(runtime),
        Routing(runtime),
        Credentials(runtime),
        Translation(runtime),
        Sending(runtime),
        Reading(runtime),
        Heartbeat(runtime),
        Fallback(runtime),
        UsageCounting(runtime),
        Annotation(runtime),
        Recorder(runtime),
        Status(runtime),
        trust,
        Release(runtime),
    ]
