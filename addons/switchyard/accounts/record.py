"""What is kept of one account: its tokens, and how it is."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from typing import Literal
from typing import Self
from typing import get_args

AccountState = Literal["ok", "refreshing", "uncertain", "log-in-again", "suspended"]
"""`refreshing`: a refresh runs, or ended with its process; `uncertain`: a refresh got no answer, so
that its token may be spent."""

_STATES = get_args(AccountState)
_VERSION = 1
_NAMES = ("access_token", "refresh_token", "client_id", "client_secret")


class RecordError(ValueError):
    """A file holds no record of an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """One account. Its repr shows no token."""

    name: str
    """Of the flow, as in `accounts:`."""
    label: str = ""
    """Tells several accounts of one flow apart."""
    state: AccountState = "ok"
    subject: str = ""
    """The provider's id of the account; empty if it gives none."""
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    """Those of a client that was registered; a refresh token is bound to them."""
    expires_at: float = math.inf
    """Unix seconds."""
    obtained_at: float = 0.0
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further values of the answers, which later steps name."""
    error: str = ""
    """What went wrong last; empty once something went well."""
    error_at: float = 0.0

    @property
    def ref(self) -> str:
        """What `{oauth: ...}` calls the account."""
        return f"{self.name}/{self.label}" if self.label else self.name

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must be masked."""
        return tuple(filter(None, (self.access_token, self.refresh_token, self.client_secret)))

    def renew_at(self, lead: float) -> float:
        """When to refresh: `lead` seconds before the expiry, but not before half of its life."""
        life = self.expires_at - self.obtained_at
        return self.expires_at if math.isinf(life) else self.expires_at - min(lead, life / 2)

    def templates(self) -> dict[str, str]:
        """The values that a step's templates may name."""
        return {**self.values, **{name: getattr(self, name) for name in _NAMES}}

    def failed(self, state: AccountState, error: str, now: float) -> "AccountRecord":
        """The record after something went wrong."""
        return replace(self, state=state, error=error, error_at=now)

    def as_json(self) -> str:
        data = {one.name: getattr(self, one.name) for one in fields(self)}
        data["expires_at"] = None if math.isinf(self.expires_at) else self.expires_at
        return json.dumps({"version": _VERSION, **data}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a record. Raises RecordError."""
        try:
            data = json.loads(text)
            if data.pop("version") != _VERSION or data["state"] not in _STATES:
                raise RecordError("it is of another version")
            expires_at = data.pop("expires_at")
            return cls(expires_at=math.inf if expires_at is None else float(expires_at), **data)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RecordError("it holds no account") from error
