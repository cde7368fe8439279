"""How every target is doing, for people."""

import json

from mitmproxy import command

from switchyard.management.provider_status import provider_status
from switchyard.runtime import Runtime


class Status:
    """The command `switchyard.status`; `GET /v0/health/providers` answers the same."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @command.command("switchyard.status")
    def status(self) -> str:
        """Every provider's targets as JSON: state, cooldown, requests in flight, last error."""
        return json.dumps(provider_status(self._runtime), indent=2)
