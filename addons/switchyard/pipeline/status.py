"""Shows the state of every target to users."""

import json

from mitmproxy import command

from switchyard.accounts.accounts import Accounts
from switchyard.management.provider_status import provider_status
from switchyard.management.sharing_status import sharing_status
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.usage.ledger import Ledger


class Status:
    """The command `switchyard.status`; `GET /v0/health/providers` answers the same."""

    def __init__(
        self, snapshots: Snapshots, state: State, ledger: Ledger, accounts: Accounts
    ) -> None:
        self._snapshots = snapshots
        self._state = state
        self._ledger = ledger
        self._accounts = accounts

    @command.command("switchyard.status")
    def status(self) -> str:
        """Prints the state of every provider's targets as JSON.

        Each has its state, cooldown, requests in flight and last error.
        """
        config, health = self._snapshots.current.config, self._state.health
        status = provider_status(config, health, self._ledger.windows, self._accounts)
        status["state"] = sharing_status(self._state.shared.health)
        return json.dumps(status, indent=2)
