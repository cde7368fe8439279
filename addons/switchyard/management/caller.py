"""Says who calls the management API, as its guard found out and its routes are given it."""

import base64
import math
from dataclasses import dataclass
from typing import Literal

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import text_of

type ManagementRole = Literal["viewer", "admin"]

CALLER = "x-switchyard-caller"
"""The header in which the proxy passes the caller to the server of the API."""
PROOF = "x-switchyard-proof"
"""The header that proves that a request comes from the proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A caller whom the guard lets through; without `role` only a session may give rights."""

    peer: str
    """The address of the connection's other end."""
    who: str = ""
    """The label of the key: `management`, or the client key's name or id."""
    holder: str = ""
    """What identifies the key without being it; a session is bound to it."""
    role: ManagementRole | None = None
    has_session: bool = False
    """Whether a browser's session gives the rights. Never sent: the API finds it."""
    is_own_page: bool = False
    """Whether no key is set, and the request may be one of the dashboard's own pages here."""
    expires: float = math.inf
    """When the key expires, in Unix seconds. Never sent: `holder_in_force` finds it."""

    def encoded(self) -> str:
        """Returns the caller as a header's value."""
        members = {
            "peer": self.peer,
            "who": self.who,
            "holder": self.holder,
            "role": self.role,
            "page": self.is_own_page,
        }
        return base64.urlsafe_b64encode(dumps(members)).decode()


def decode_caller(value: str) -> Caller:
    """Returns the caller in a header's value. Raises ValueError."""
    read = loads_object(base64.urlsafe_b64decode(value))
    if read is None:
        raise ValueError("no caller")
    role = read.get("role")
    return Caller(
        peer=text_of(read.get("peer")),
        who=text_of(read.get("who")),
        holder=text_of(read.get("holder")),
        role=role if role in ("viewer", "admin") else None,
        is_own_page=read.get("page") is True,
    )
