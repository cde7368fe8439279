"""Refreshes the tokens of one account that logged in by the router.

One refresh at a time, in all threads, processes and hosts that share the folder, or the Redis of
`state`: whoever holds the account's lock reads the record again, and refreshes only if nobody else
has. The record is marked
before the request, and saved before its tokens are used. So a process that is killed at any point
leaves a record that is good, or one whose refresh token may be spent; that one is tried once more,
and if it is refused the record asks for a new login.
"""

import logging
import math
import time
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from pydantic import SecretStr

from switchyard.accounts.endpoint import EndpointAnswer
from switchyard.accounts.endpoint import send_step
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.shared_accounts import SharedAccounts
from switchyard.accounts.shared_accounts import SharedAccountsDown
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.accounts.store import login_words
from switchyard.accounts.store import split_ref
from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.account_flows import AccountFlow
from switchyard.config.account_flows import FlowStep

logger = logging.getLogger(__name__)

REFRESH_BODY = {
    "grant_type": "refresh_token",
    "refresh_token": "{refresh_token}",
    "client_id": "{client_id}",
    "client_secret": "{client_secret}",
}
"""RFC 6749, section 6."""
CLIENT_BODY = {
    "grant_type": "client_credentials",
    "client_id": "{client_id}",
    "client_secret": "{client_secret}",
    "scope": "{scope}",
}
"""RFC 6749, section 4.4."""

_AGAIN = 30.0
"""Seconds until a refresh that failed is tried again while the token is still valid."""
_IN_NO_RECORD = {
    "access_token", "refresh_token", "id_token", "client_id", "client_secret", "expires_in",
    "device_code", "user_code", "code", "code_verifier", "code_challenge", "state", "nonce",
    "interval", "verification_uri", "verification_uri_complete", "redirect_uri", "account", "scope",
}  # fmt: skip


class OAuthAccount:
    """The reader of one `{oauth: NAME}`. Used by one thread at a time."""

    def __init__(
        self,
        ref: str,
        flow: AccountFlow,
        store: AccountStore,
        learn: Callable[[str], None],
        shared: SharedAccounts | None = None,
    ) -> None:
        """Read the account `ref`; `learn` is given everything that must be masked.

        With `shared`, hosts with other folders may have the same account.
        """
        self._ref = ref
        self._shared = shared
        self._flow = flow
        self._store = store
        self._learn = learn
        self._seen: object = None
        self._unsaved: AccountRecord | None = None
        """What a refresh gave and the disk did not take."""

    def read(self, refused: str) -> Token:
        """Return a valid token, refreshed if it must be. Raises SourceError."""
        record = None
        try:
            record = self._load()
            if (token := self._ready(record, refused)) is not None:
                return token
            among_hosts = self._shared.lock(self._ref) if self._shared else nullcontext()
            with self._store.lock(self._ref), among_hosts:
                record = self._newest(self._load())
                if (token := self._ready(record, refused)) is not None:
                    return token
                return self._renew(record, refused)
        except AccountStoreError as error:
            raise SourceError(str(error)) from None
        except SharedAccountsDown as error:
            # A refresh token that another host may spend as well is worth more than an hour.
            if record is not None and (token := self._still_valid(record, refused, _AGAIN)):
                return token
            raise SourceError(f"is not refreshed now: {error}") from None

    def suspend(self, token: str, why: str) -> None:
        """Keep that the provider suspended the account that `token` is of. Raises SourceError."""
        try:
            with self._store.lock(self._ref):
                record = self._load()
                if record is not None and record.access_token == token:
                    self._save(record.failed("suspended", why, time.time()))
        except AccountStoreError as error:
            raise SourceError(str(error)) from None

    def has_changed(self) -> bool:
        """Whether somebody else has refreshed, or logged in or out."""
        return self._store.look(self._ref) != self._seen

    def _load(self) -> AccountRecord | None:
        self._seen = self._store.look(self._ref)
        if self._unsaved is not None:
            self._save(self._unsaved)
            self._unsaved = None
        record = self._store.load(self._ref)
        for secret in record.secrets if record is not None else ():
            self._learn(secret)
        return record

    def _newest(self, record: AccountRecord | None) -> AccountRecord | None:
        """Take over what another host refreshed. Raises SharedAccountsDown."""
        if self._shared is None or record is None:
            return record
        if (newest := self._shared.newest(record)) is not record:
            self._save(newest)
        return newest

    def _save(self, record: AccountRecord) -> None:
        for secret in record.secrets:
            self._learn(secret)
        self._store.save(record)
        self._seen = self._store.look(self._ref)

    def _ready(self, record: AccountRecord | None, refused: str) -> Token | None:
        """The record's token if it is not due; None if it must be refreshed.

        Raises SourceError if no refresh can help.
        """
        if record is None:
            if self._flow.client_credentials is not None:
                return None
            raise SourceError(f"is not logged in. Run {login_words(self._ref)}", lasting=True)
        if record.state == "log-in-again":
            raise self._dead(record)
        if record.state == "suspended":
            raise self._suspended()
        if not record.access_token or record.access_token == refused:
            return None
        token = self._token(record)
        return None if time.time() >= min(token.renew_at, token.expires_at) else token

    def _token(self, record: AccountRecord) -> Token:
        renew_at = record.renew_at(self._flow.lead)
        life = record.expires_at - record.obtained_at
        return Token(SecretStr(record.access_token), record.expires_at, renew_at, life=life)

    def _dead(self, record: AccountRecord) -> SourceError:
        why = f" ({record.error})" if record.error else ""
        return SourceError(f"must log in again{why}. Run {login_words(self._ref)}", lasting=True)

    def _suspended(self) -> SourceError:
        remedy = f"Ask it why; once it is not, run {login_words(self._ref)}"
        return SourceError(f"is suspended by its provider. {remedy}", lasting=True)

    def _renew(self, record: AccountRecord | None, refused: str) -> Token:
        """Refresh under the lock. Raises SourceError, and AccountStoreError."""
        if record is None:
            name, label = split_ref(self._ref)
            record = AccountRecord(name=name, label=label)
        step, standard = self._step(record)
        if step is None:
            self._save(record := record.failed("log-in-again", "its token ended", time.time()))
            raise self._dead(record)
        before = record
        marked = "uncertain" if record.state in ("refreshing", "uncertain") else "refreshing"
        self._save(record := replace(record, state=marked))
        values = {**self._client(), **{k: v for k, v in record.templates().items() if v}}
        answer = send_step(step, self._flow, values, standard)
        if answer.kind == "good" and answer.values.get("access_token"):
            return self._take(record, answer)
        return self._failed(before, record, answer, refused)

    def _step(self, record: AccountRecord) -> tuple[FlowStep | None, Mapping[str, str]]:
        flow = self._flow
        if flow.client_credentials is not None:
            return flow.client_credentials, CLIENT_BODY
        return (flow.refresh or flow.token) if record.refresh_token else None, REFRESH_BODY

    def _client(self) -> dict[str, str]:
        secret = self._flow.client_secret
        return {
            "client_id": self._flow.client_id,
            "client_secret": secret.get_secret_value() if secret else "",
            "scope": " ".join(self._flow.scopes),
        }

    def _take(self, record: AccountRecord, answer: EndpointAnswer) -> Token:
        renewed = renewed_record(record, answer, time.time())
        try:
            if self._shared is not None:
                self._shared.hand_on(record, renewed)
        except SharedAccountsDown as error:
            logger.warning(
                "switchyard: other hosts do not get the new token of the account %s: %s",
                self._ref,
                error,
            )
        try:
            self._save(renewed)
        except AccountStoreError:
            self._unsaved = renewed
            raise
        logger.debug("switchyard: the account %s was refreshed", self._ref)
        return self._token(renewed)

    def _failed(
        self, before: AccountRecord, record: AccountRecord, answer: EndpointAnswer, refused: str
    ) -> Token:
        """Keep what a refresh without a token means. Returns the old token if it is valid."""
        now, error = time.time(), answer.error or "it gave no access token"
        match answer.kind:
            case "log-in-again":
                self._save(record := record.failed("log-in-again", error, now))
                raise self._dead(record)
            case "suspended":
                self._save(record.failed("suspended", error, now))
                raise self._suspended()
            case "configuration":
                self._save(record.failed(before.state, error, now))
                raise SourceError(
                    f"cannot be refreshed: {error}. Check its client-id and client-secret",
                    lasting=True,
                )
        lost = answer.reached and answer.kind == "passing" and not error.startswith("status")
        state = "uncertain" if lost or before.state != "ok" else "ok"
        self._save(record := record.failed(state, error, now))
        if token := self._still_valid(record, refused, max(_AGAIN, answer.retry_after)):
            return token
        raise SourceError(f"cannot be refreshed now: {error}")

    def _still_valid(self, record: AccountRecord, refused: str, pause: float) -> Token | None:
        """The record's token while it lasts, to be renewed after `pause` seconds."""
        now = time.time()
        valid, token = record.access_token and record.access_token != refused, self._token(record)
        if not valid or token.is_expired(now):
            return None
        return replace(token, renew_at=now + pause)


def renewed_record(record: AccountRecord, answer: EndpointAnswer, now: float) -> AccountRecord:
    """Return a record with the tokens of an answer; what it leaves out stays."""
    values = answer.values
    further = {name: value for name, value in values.items() if name not in _IN_NO_RECORD}
    return replace(
        record,
        state="ok",
        access_token=values.get("access_token", ""),
        refresh_token=values.get("refresh_token") or record.refresh_token,
        subject=values.get("account") or record.subject,
        expires_at=math.inf if answer.expires_at is None else answer.expires_at,
        obtained_at=now,
        values={**record.values, **further},
        error="",
        error_at=0.0,
    )
