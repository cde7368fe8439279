"""All credential sources of the configuration in force, each with its token."""

import asyncio
import os
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from pydantic import SecretStr

from switchyard.accounts.aws import AwsKeys
from switchyard.accounts.clouds import AzureToken
from switchyard.accounts.clouds import GoogleToken
from switchyard.accounts.commands import CommandOutput
from switchyard.accounts.commands import end_commands
from switchyard.accounts.followed_file import FollowedFile
from switchyard.accounts.keyrings import KeyringEntry
from switchyard.accounts.oauth_account import OAuthAccount
from switchyard.accounts.shared_accounts import SharedAccounts
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import accounts_folder
from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.accounts.token_keeper import TokenKeeper
from switchyard.accounts.token_keeper import TokenReader
from switchyard.config.account_flows import AccountFlow
from switchyard.config.credentials import CredentialSource
from switchyard.config.state_settings import MEMORY
from switchyard.config.state_settings import StateSettings
from switchyard.redaction.learned import LearnedSecrets

_THREADS = 8
"""Sources that are read at the same time at most."""
_LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source is, without anything secret."""

    label: str
    problem: str
    """Empty if there is none."""
    expires_at: float | None
    """Unix seconds; None if no token is known."""
    is_lasting: bool = False
    """Whether the problem stays until the user does something, such as to log in."""


class Accounts:
    """Gives requests the tokens of sources, from memory.

    Called on the event loop. Threads read files, run programs and ask clouds. Sources that are
    equal share one token.
    """

    def __init__(self, learned: LearnedSecrets | None = None) -> None:
        self.learned = learned or LearnedSecrets()
        """Every token that was read, for whatever masks secrets."""
        self.recovered: Callable[[CredentialSource], None] = lambda source: None
        """Called when a source that failed gives a token again."""
        self._is_wanted = False
        self._flows: dict[str, AccountFlow] = {}
        self._keepers: dict[CredentialSource, TokenKeeper] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._state: StateSettings | None = None
        self._shared: SharedAccounts | None = None

    def use(
        self,
        sources: Iterable[CredentialSource],
        flows: Mapping[str, AccountFlow] = MappingProxyType({}),
        state: StateSettings | None = None,
    ) -> None:
        """Take over the sources of a configuration, and how its accounts log in.

        Tokens of sources that stay are kept, except where the flow of an account changed. Of
        `state`, the first one is used, as for limits.
        """
        self._state = self._state or state
        wanted = dict.fromkeys(sources)
        self._learn_secrets(wanted, flows)
        before, self._flows = self._flows, dict(flows)
        for source in [one for one in self._keepers if one.oauth is not None]:
            name = (source.oauth or "").partition("/")[0]
            if before.get(name) != flows.get(name):
                del self._keepers[source]
        self._keepers = {
            source: self._keepers.get(source) or self._keeper(source) for source in wanted
        }

    def _learn_secrets(
        self, sources: Iterable[CredentialSource], flows: Mapping[str, AccountFlow]
    ) -> None:
        """Have the secrets masked by which the configuration gets tokens."""
        for source in sources:
            if source.azure is not None and source.azure.secret is not None:
                # Not with the tokens, of which old ones are forgotten.
                secret = source.azure.secret.get_secret_value()
                self.learned.learn(f"the client of {source.owner}", secret)
        for name, flow in flows.items():
            if flow.client_secret is not None:
                self.learned.learn(f"the client of {name}", flow.client_secret.get_secret_value())

    def value(self, source: CredentialSource) -> SecretStr | SourceError | None:
        """Return the token of a source, why there is none, or None while it is being read."""
        keeper = self._keepers.get(source)
        if keeper is None:  # of an earlier configuration, with which a request still runs
            keeper = self._keepers[source] = self._keeper(source)
        return keeper.value(time.time())

    async def obtain(self, source: CredentialSource) -> SecretStr:
        """Return the token of a source, once it has been read. Raises SourceError."""
        while (found := self.value(source)) is None:
            await asyncio.sleep(_LOOK_EVERY)
        if isinstance(found, SourceError):
            raise found
        return found

    def refuse(self, source: CredentialSource, value: SecretStr) -> None:
        """Have another token read, since the provider refuses this one."""
        if (keeper := self._keepers.get(source)) is not None:
            keeper.refuse(value.get_secret_value())

    def suspend(self, source: CredentialSource, value: SecretStr, words: Iterable[str]) -> None:
        """Leave an account alone if `words`, of a provider's error, say that it is suspended.

        Which words do is said in its flow. `value` is the token that was refused.
        """
        keeper, flow = (
            self._keepers.get(source),
            self._flows.get((source.oauth or "").split("/")[0]),
        )
        if keeper is None or flow is None or not isinstance(keeper.reader, OAuthAccount):
            return
        if word := next((word for word in words if word in flow.suspended), None):
            token = value.get_secret_value()
            keeper.leave(token, partial(keeper.reader.suspend, token, word))

    def tend(self) -> None:
        """Renew what is due, and follow the files. Call it every second or so."""
        now = time.time()
        for keeper in self._keepers.values():
            keeper.tend(now)

    def status(self) -> tuple[SourceStatus, ...]:
        """How every source is."""
        return tuple(
            SourceStatus(
                keeper.label,
                str(keeper.problem or ""),
                keeper.expires_at,
                keeper.problem is not None and keeper.problem.lasting,
            )
            for keeper in self._keepers.values()
        )

    def show_interest(self) -> None:
        """Note that somebody looks at what is left of limits, or that a choice depends on it."""
        self._is_wanted = True

    def take_interest(self) -> bool:
        """Whether somebody has looked since the last call."""
        wanted, self._is_wanted = self._is_wanted, False
        return wanted

    def close(self) -> None:
        """End the threads, and the programs that they wait for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            end_commands()

    def _keeper(self, source: CredentialSource) -> TokenKeeper:
        return TokenKeeper(
            source.label,
            self._reader(source),
            self._submit,
            learn=lambda value: self.learned.learn(source.owner, value),
            recovered=lambda: self.recovered(source),
        )

    def _submit(self, work: Callable[[], Token | None]) -> Future[Token | None]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="credentials")
        return self._threads.submit(work)

    def _reader(self, source: CredentialSource) -> TokenReader:
        match source.kind:
            case "file":
                return FollowedFile(source)
            case "command":
                return CommandOutput(source)
            case "keyring":
                return KeyringEntry(source)
            case "google":
                return GoogleToken(source)
            case "azure":
                return AzureToken(source)
            case "aws":
                return AwsKeys(source)
        ref = source.oauth or ""
        store = AccountStore(accounts_folder(os.environ))
        flow = self._flows.get(ref.partition("/")[0], AccountFlow())
        return OAuthAccount(
            ref,
            flow,
            store,
            lambda one: self.learned.learn(source.owner, one),
            self._shared_accounts(),
        )

    def _shared_accounts(self) -> SharedAccounts | None:
        """The accounts of all hosts, where the state is in Redis."""
        state = self._state
        if self._shared is None and state is not None and state.url.get_secret_value() != MEMORY:
            self._shared = SharedAccounts(state.url.get_secret_value(), state.prefix)
        return self._shared
