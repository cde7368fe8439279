"""Switchyard's entry point: `mitmdump -s addons/router.py`.

The list `addons` at the bottom is the pipeline, in the order in which its members see each hook.
"""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from addons import starting  # noqa: E402

starting.guard()

from addons.access import Access  # noqa: E402
from addons.credentials import Credentials  # noqa: E402
from addons.discovery import Discovery  # noqa: E402
from addons.failover.bounds import Bounds  # noqa: E402
from addons.failover.install import Failover  # noqa: E402
from addons.fallback import Fallback  # noqa: E402
from addons.gate import Gate  # noqa: E402
from addons.heartbeat import Heartbeat  # noqa: E402
from addons.intake import Intake  # noqa: E402
from addons.intake import Release  # noqa: E402
from addons.log_lines import LogLines  # noqa: E402
from addons.manage import Manage  # noqa: E402
from addons.masking import Masking  # noqa: E402
from addons.own_door import OwnDoor  # noqa: E402
from addons.passing import Passing  # noqa: E402
from addons.recorder import Recorder  # noqa: E402
from addons.refusing import refuse  # noqa: E402
from addons.rights import Rights  # noqa: E402
from addons.routing import Routing  # noqa: E402
from addons.runtime import Runtime  # noqa: E402
from addons.sending import Sending  # noqa: E402
from addons.settings import Settings  # noqa: E402
from addons.sockets import Sockets  # noqa: E402
from addons.status import Status  # noqa: E402
from addons.streaming import Streaming  # noqa: E402
from addons.translation import Translation  # noqa: E402
from addons.trust import Trust  # noqa: E402
from addons.tunnels import Tunnels  # noqa: E402
from addons.usage import Usage  # noqa: E402
from addons.views import Views  # noqa: E402
from addons.wrong_keys import WrongKeys  # noqa: E402

runtime = Runtime()
intake = Intake(runtime)
wrong_keys = WrongKeys()
trust = Trust(runtime)
tunnels = Tunnels(runtime, trust.spares)
bounds = Bounds(limits=lambda: runtime.config.limits, refuse=refuse)
failover = Failover(
    may_forward=intake.may_forward, door=tunnels, heads=runtime.exchanges, bounds=bounds
)
runtime.failover = failover

addons = [
    LogLines(runtime),
    Settings(runtime),
    Discovery(runtime),
    Access(runtime, wrong_keys),
    Gate(runtime, wrong_keys),
    tunnels,
    OwnDoor(runtime),
    failover,
    Masking(runtime),
    Rights(runtime),
    Passing(runtime),
    Sockets(runtime),
    intake,
    Manage(runtime),
    Routing(runtime),
    Credentials(runtime),
    Translation(runtime),
    Streaming(runtime),
    Sending(runtime),
    Heartbeat(runtime),
    Fallback(runtime),
    Usage(runtime),
    Views(runtime),
    Recorder(runtime),
    Status(runtime),
    trust,
    Release(runtime),
]
