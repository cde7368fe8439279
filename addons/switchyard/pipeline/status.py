"""Shows the state of every target to users."""

import json

from mitmproxy import command

from switchyard.management.provider_status import provider_status
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.usage.ledger import Ledger


class Status:
    """The command `switchyard.status`; `GET /v0/health/providers` answers the same."""

    def __init__(self, snapshots: Snapshots, state: State, ledger: Ledger) -> None:
        self._snapshots = snapshots
        self._state = state
        self._ledger = ledger

    @command.command("switchyard.status")
    def status(self) -> str:
        """Prints the state of every provider's targets as JSON.

        Each has its state, cooldown, requests in flight and last error.
        """
        config = self._snapshots.current.config
        status = provider_status(config, self._state.health, self._ledger.windows)
        return json.dumps(status, indent=2)
