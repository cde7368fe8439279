"""Defines client keys, and the policies that limit them.

What a key may do comes from three places, each of which fills in what the one before leaves open:
the key itself, the policy that it `extends`, and `clients.defaults`. `effective` returns the sum.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from typing import Annotated
from typing import Literal
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic import Field
from pydantic import PlainValidator
from pydantic import model_validator

from switchyard.config.fields import Duration
from switchyard.config.fields import GlobList
from switchyard.config.fields import Integer
from switchyard.config.fields import Money
from switchyard.config.fields import Name
from switchyard.config.fields import Places
from switchyard.config.fields import Rates
from switchyard.config.fields import Secret
from switchyard.config.fields import Texts
from switchyard.config.fields import refuse
from switchyard.config.section import Quota
from switchyard.config.section import Section
from switchyard.config.section import short
from switchyard.config.web_access import Networks
from switchyard.config.web_access import Origins
from switchyard.values.globs import Globs

type KeyRole = Literal["client", "viewer", "admin"]

_HASH = re.compile(r"sha256:[0-9a-f]{64}")


def _moment(value: object) -> datetime:
    """A moment with its time zone; a day ends with its last second, in UTC."""
    hint = "write 2027-01-31 or 2027-01-31T18:00:00+01:00"
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, date):
            moment = datetime.combine(value, time.max)
        elif isinstance(value, str) and len(value.strip()) == len("2027-01-31"):
            moment = datetime.combine(date.fromisoformat(value.strip()), time.max)
        else:
            moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise refuse("is no date or time", hint) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _hash(value: str) -> str:
    if not _HASH.fullmatch(value.strip()):
        raise refuse(
            "is no hash of a key", "write sha256: and 64 hexadecimal digits, as scripts/keys does"
        )
    return value.strip()


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise refuse("is no time zone", "write a name such as Europe/Berlin or UTC") from None
    return value


Moment = Annotated[datetime, PlainValidator(_moment)]
KeyHash = Annotated[str, AfterValidator(_hash)]
TimeZone = Annotated[str, AfterValidator(_zone)]


class KeyLimits(Quota):
    """How much may go through within sliding windows."""

    input: Rates = ()
    """Tokens of prompts."""
    output: Rates = ()
    """Tokens of answers."""


class Budgets(Section):
    """How much may be spent, in nano-dollars, within periods of the calendar."""

    five_hours: Money | None = Field(default=None, alias="5h")
    day: Money | None = None
    week: Money | None = None
    month: Money | None = None
    total: Money | None = None
    rolling: bool = False
    """Whether a period is the time before now, and not one of the calendar."""


class ModelPolicy(Section):
    """Further limits for some of the models that a key may ask for."""

    models: GlobList
    limits: KeyLimits = KeyLimits()
    budgets: Budgets = Budgets()


class Policy(Section):
    """What the holder of a key may do. Everything is optional."""

    models: GlobList = Globs(["*"])
    """The model names it may ask for."""
    except_: GlobList = Field(default=Globs([]), alias="except")
    """Model names it may not ask for, although they are among `models`."""
    providers: GlobList = Globs(["*"])
    """The providers that may answer it."""
    hide: bool = False
    """Whether what it may not use is answered as what does not exist: 404, not 403."""
    limits: KeyLimits = KeyLimits()
    budgets: Budgets = Budgets()
    per_model: tuple[ModelPolicy, ...] = ()
    concurrency: Places | None = None
    """Requests under way at the same time."""
    queue: Duration = 10.0
    """Seconds that a request waits for its turn before it is refused."""
    priority: Integer = 0
    """Who waits with a higher one comes first."""
    expires: Moment | None = None
    addresses: Networks = ()
    """Where the holder may call from; anywhere, if empty."""
    project: str | None = None
    """The project of requests that name none."""
    blocked: bool = False
    role: KeyRole = "client"
    enforce: bool = True
    """Whether limits and budgets refuse, or are only counted and told."""
    strict: bool = False
    """Whether the most that an answer may cost is reserved, and not what is expected."""
    over_budget: str = "free-members"
    """What answers once a budget is spent: `free-members`, `refuse`, or a model's name."""

    def over(self, base: "Policy") -> Self:
        """Returns this policy with the settings of `base` where it has none."""
        merged = {name: getattr(base, name) for name in base.model_fields_set}
        for name in self.model_fields_set:
            value, below = getattr(self, name), merged.get(name)
            if isinstance(value, KeyLimits | Budgets) and isinstance(below, Section):
                set_here = {field: getattr(value, field) for field in value.model_fields_set}
                value = below.model_copy(update=set_here)
            merged[name] = value
        return self.model_copy(update=merged)


class PreviousKey(Section):
    """A key that was rotated, and goes on being accepted for a time."""

    key_hash: KeyHash
    until: Moment


class ClientKey(Policy):
    """A key that clients may call the router with."""

    key: Secret | None = None
    key_hash: KeyHash | None = None
    """Its SHA-256, where the key itself shall not stand in the file."""
    id: str = ""
    """The public id of a key that the router issued."""
    name: str = ""
    extends: str | None = None
    """The policy under `clients.policies` that fills in what is not said here."""
    rate_limit: Quota = Quota()
    """The former place of `limits.requests` and `limits.tokens`."""
    previous: tuple[PreviousKey, ...] = ()
    note: str = ""
    """For people; the router does not read it."""

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.key is None and self.key_hash is None:
            raise refuse("has no key", "write key, or key-hash")
        if self.key is not None and self.key_hash is not None:
            raise refuse("has both key and key-hash", "remove one of them")
        return self

    @property
    def label(self) -> str:
        """Returns what logs, records and metrics call the key; never a part of its secret."""
        return self.name or self.id or (self.key_hash or "")[:15]


class ClientSettings(Section):
    """Who may call, and how much. Without keys: any client on this machine."""

    api_keys: tuple[Annotated[ClientKey, short("key")], ...] = ()
    keys_file: str | None = None
    """The file with the keys that `scripts/keys` makes."""
    host_names: Texts = ()
    """Further names that clients call the router by."""
    origins: Origins = ()
    """Whose web pages may read the router's answers."""
    defaults: Policy = Policy()
    policies: Mapping[Name, Policy] = Field(default_factory=dict)
    limits: KeyLimits = KeyLimits()
    """Limits of the whole router."""
    budgets: Budgets = Budgets()
    concurrency: Places | None = None
    timezone: TimeZone = "UTC"
    """Where days, weeks and months of budgets begin."""
    week_starts: Literal["monday", "sunday"] = "monday"
    contact: str = ""
    """Whom refusals tell people to ask."""
    budget_status: Literal[402, 403, 429] = 402
    """The HTTP status of refusals over a budget."""

    def effective(self, key: ClientKey) -> ClientKey:
        """Returns a key with all that the policies say which it builds upon."""
        base = self.defaults
        if key.extends is not None and key.extends in self.policies:
            base = self.policies[key.extends].over(base)
        merged = key.over(base)
        if merged.except_:
            models = Globs(merged.models.patterns, merged.except_)
            merged = merged.model_copy(update={"models": models})
        asked = key.rate_limit
        if not asked.model_fields_set:
            return merged
        limits = merged.limits.model_copy(
            update={name: getattr(asked, name) for name in asked.model_fields_set}
        )
        return merged.model_copy(update={"limits": limits})
