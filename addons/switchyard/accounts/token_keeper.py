"""Keeps the token of one source ready in memory, and renews it beside the requests."""

import logging
import random
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from pydantic import SecretStr

from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token

logger = logging.getLogger(__name__)

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0
"""Seconds until a source that failed is asked again; each failure doubles them."""


class TokenReader(Protocol):
    """Reads the token of a source. Its methods may wait; one thread at a time calls them."""

    def read(self, refused: str) -> Token:
        """Return a token that may be used now, if possible another one than `refused`.

        Raises SourceError.
        """
        ...

    def has_changed(self) -> bool:
        """Whether reading again would give another token, as far as that can be seen."""
        ...


type Submit = Callable[[Callable[[], Token | None]], Future[Token | None]]
"""Has a thread call a function."""


class TokenKeeper:
    """The token of one source. Its methods do not wait; they are called on the event loop.

    At most one reading runs at a time, for however many requests. A token that may still be used is
    used while another one is read.
    """

    def __init__(
        self,
        label: str,
        reader: TokenReader,
        submit: Submit,
        *,
        learn: Callable[[str], None],
        recovered: Callable[[], None],
    ) -> None:
        """Keep the token that `reader` reads.

        `learn` is given every value before it is used; `recovered` is called when a source that
        failed gives a token again.
        """
        self.label = label
        self.reader = reader
        self._submit = submit
        self._learn = learn
        self._recovered = recovered
        self._token: Token | None = None
        self._refused = ""
        self._avoided = ""
        """What was refused when the reading that runs began."""
        self._pending: Future[Token | None] | None = None
        self._mark: Callable[[], None] | None = None
        """What a thread is to do before it reads the source again."""
        self._failures = 0
        self._ask_again_at = 0.0
        self.problem: SourceError | None = None
        """Why the last reading failed; None once one succeeded."""

    @property
    def expires_at(self) -> float | None:
        """When the token expires, in Unix seconds; None if there is none."""
        return self._token.expires_at if self._token is not None else None

    def value(self, now: float) -> SecretStr | SourceError | None:
        """Return the token, why there is none, or None while one is being read.

        `now` is in Unix seconds.
        """
        if self._pending is not None and self._pending.done():
            self._settle(now)
        token = self._token
        if token is not None and not token.is_expired(now):
            if now >= token.renew_at and now >= self._ask_again_at:
                self._begin(self._read)
            return token.secret
        if self._pending is None and self.problem is not None and now < self._ask_again_at:
            return self.problem
        self._begin(self._read)
        return None

    def refuse(self, value: str) -> None:
        """Take a value for invalid, since the provider refuses it (401).

        Has no effect if another token is in use already.
        """
        if self._token is not None and self._token.secret.get_secret_value() == value:
            self._token, self._refused, self._ask_again_at = None, value, 0.0

    def leave(self, value: str, mark: Callable[[], None]) -> None:
        """Have `mark` called by a thread, and then the source read again, which tells why.

        Has no effect if another token than `value` is in use already.
        """
        if self._token is not None and self._token.secret.get_secret_value() == value:
            self._token, self._mark, self._ask_again_at = None, mark, 0.0
            self._begin(self._read)

    def tend(self, now: float) -> None:
        """Look after the token without a request: renew it in time, follow its file."""
        if self._pending is not None and self._pending.done():
            self._settle(now)
        if self._pending is None:
            due = self._token is not None and now >= self._token.renew_at
            renews = due and now >= self._ask_again_at
            self._begin(self._read if renews else self._read_if_changed)

    def _begin(self, work: Callable[[], Token | None]) -> None:
        if self._pending is None:
            self._avoided = self._refused
            self._pending = self._submit(work)

    def _read(self) -> Token | None:
        mark, self._mark = self._mark, None
        if mark is not None:
            mark()
        return self.reader.read(self._avoided)

    def _read_if_changed(self) -> Token | None:
        return self._read() if self.reader.has_changed() else None

    def _settle(self, now: float) -> None:
        """Take the result of a reading that is over."""
        assert self._pending is not None
        pending, self._pending = self._pending, None
        try:
            token = pending.result()
            if token is None:
                return
            if self._avoided != self._refused == token.secret.get_secret_value():
                return  # it was read before the provider refused it
            if token.is_expired(now):
                raise SourceError("gives an expired token")
            if token.secret.get_secret_value() == self._refused:
                raise SourceError("gives only the token that the provider refuses", lasting=True)
        except SourceError as error:
            self._fail(error, now)
        except Exception as error:
            logger.exception("switchyard: cannot read %s", self.label)
            self._fail(SourceError(f"fails with {type(error).__name__}; see the log"), now)
        else:
            self._use(token)

    def _use(self, token: Token) -> None:
        for secret in (token.secret.get_secret_value(), *token.more):
            self._learn(secret)
        self._token, self._refused = token, ""
        self._failures, self._ask_again_at = 0, 0.0
        if self.problem is not None:
            self.problem = None
            logger.info("switchyard: %s gives a credential again", self.label)
            self._recovered()

    def _fail(self, error: SourceError, now: float) -> None:
        pause = min(_FIRST_PAUSE * 2.0**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        self._ask_again_at = now + pause * random.uniform(0.8, 1.0)
        if self.problem is None or str(self.problem) != str(error):
            logger.warning("switchyard: %s %s", self.label, error)
        self.problem = error
