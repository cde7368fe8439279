"""Lets hosts with folders of their own refresh one account, by the Redis that `state` names.

A lock makes the hosts take turns, and the new record goes to Redis before the host saves it. It
lies there under a hash of the refresh token that it replaces, encrypted with a key made from that
token (HKDF-SHA256, AES-256-GCM). So a host that still has the old record finds and reads the new
one, however many refreshes it has missed, and Redis itself holds nothing that can be used.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.record import RecordError

_LEASE = 75.0
"""Seconds after which the lock of a host that was killed ends: longer than a refresh may take."""
_LOCK_WITHIN = 80.0
"""Shorter than others wait for the folder's lock, which is held meanwhile."""
_LOOK_EVERY = 0.1
_ANSWER_WITHIN = 2.0
_KEPT_DAYS = 30
"""For how long a host may be away and still find the account's new tokens."""
_NONCE = 12

_UNLOCK = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1])"
"""Ends the lock, unless it ran out and another host has it."""


class SharedAccountsDown(Exception):
    """Redis does not answer, or does not grant the lock. Holds no address."""


class SharedAccounts:
    """The accounts of all hosts with one Redis. May be used by several threads."""

    def __init__(self, url: str, installation: str) -> None:
        """Use the server at `url`, as `state` has it. `installation` keeps several routers apart.

        Connects when it is first needed.
        """
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        scheme, _, rest = url.partition("://")
        self._client: Any = redis.Redis.from_url(
            f"{scheme.replace('valkey', 'redis')}://{rest}",
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
            socket_timeout=_ANSWER_WITHIN,
            socket_connect_timeout=_ANSWER_WITHIN,
        )
        self._failures = (redis.RedisError, OSError)
        self._prefix = f"switchyard:1:{{{installation}}}:account:"

    @contextmanager
    def lock(self, ref: str, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
        """Hold the lock of an account among all hosts. Raises SharedAccountsDown."""
        name, mine = f"{self._prefix}lock:{ref}", secrets.token_hex(16)
        until = time.monotonic() + _LOCK_WITHIN
        while not self._ask("set", name, mine, nx=True, px=int(_LEASE * 1000)):
            if time.monotonic() >= until:
                raise SharedAccountsDown("another host refreshes it without an end")
            sleep(_LOOK_EVERY)
        try:
            yield
        finally:
            try:
                self._ask("eval", _UNLOCK, 1, name, mine)
            except SharedAccountsDown:
                pass  # The lock runs out by itself.

    def newest(self, record: AccountRecord) -> AccountRecord:
        """Return what other hosts made of a record, or the record. Raises SharedAccountsDown."""
        known = {record.access_token}
        while (found := self._after(record)) is not None and found.access_token not in known:
            known.add(found.access_token)
            record = found
        return record

    def hand_on(self, old: AccountRecord, new: AccountRecord) -> None:
        """Give the hosts that have `old` the record that follows. Raises SharedAccountsDown."""
        if token := old.refresh_token:
            nonce = os.urandom(_NONCE)
            sealed = AESGCM(_key(token)).encrypt(nonce, new.as_json().encode(), new.ref.encode())
            self._ask("set", self._place(token), nonce + sealed, ex=_KEPT_DAYS * 86_400)

    def _after(self, record: AccountRecord) -> AccountRecord | None:
        token = record.refresh_token
        sealed = self._ask("get", self._place(token)) if token else None
        if not isinstance(sealed, bytes):
            return None
        nonce, sealed = sealed[:_NONCE], sealed[_NONCE:]
        try:
            text = AESGCM(_key(token)).decrypt(nonce, sealed, record.ref.encode())
            return AccountRecord.from_json(text.decode())
        except (InvalidTag, RecordError, ValueError):
            return None  # of another version, or not written by a router

    def _place(self, token: str) -> str:
        return f"{self._prefix}after:{hashlib.sha256(b'place ' + token.encode()).hexdigest()}"

    def _ask(self, command: str, *words: object, **options: object) -> object:
        try:
            return getattr(self._client, command)(*words, **options)
        except self._failures as error:
            raise SharedAccountsDown(f"Redis fails with {type(error).__name__}") from None


def _key(token: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"switchyard account").derive(token.encode())
