"""Defines the configuration of usage records: where they are kept, prices, subscriptions."""

import importlib.util
import re
from decimal import Decimal
from typing import Annotated
from typing import Literal

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import PlainValidator
from pydantic import SecretStr

from switchyard.config.fields import GlobList
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import Secret
from switchyard.config.fields import Size
from switchyard.config.fields import refuse
from switchyard.config.section import Section
from switchyard.values.globs import Globs

_SERVER = ("postgresql://", "postgres://")
_LIBRARIES = ("sqlalchemy", "psycopg")

THIRTEEN_MONTHS = 13 * 2_629_800.0


class UsageSettings(Section):
    """Where records of requests are kept, and how long."""

    dir: str | None = None
    """None: `switchyard/usage` in the user's folder of states (XDG Base Directory)."""
    keep: PositiveDuration = THIRTEEN_MONTHS
    """Seconds for which rows are kept; totals are kept for ever."""
    max_size: Size = 2_000_000_000
    """Bytes of the files of rows together; the oldest months are deleted first."""
    server: Secret | None = None
    """The URL of a PostgreSQL server that keeps the records in place of files."""


def _usage(value: object) -> object:
    if value is False or value == "off":
        return None
    if value is True or value == "on":
        return {}
    if _is_server(value):
        value = {"server": value}
    if isinstance(value, str | SecretStr):
        raise refuse("must be off, a mapping, or the URL of a server (postgresql://)")
    if isinstance(value, dict) and "server" in value:
        if not _is_server(value["server"]):
            raise refuse("must begin with postgresql://", at=("server",))
        if missing := [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]:
            hint = "install switchyard[postgres]"
            raise refuse(f"needs {' and '.join(missing)}; {hint}", at=("server",))
    return value


def _is_server(value: object) -> bool:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return isinstance(text, str) and text.startswith(_SERVER)


UsageField = Annotated[UsageSettings | None, BeforeValidator(_usage)]
"""None: nothing is recorded."""


def _dollars(value: object) -> Decimal:
    """An amount of money; numbers of YAML are taken by their shortest text, not their binary."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise refuse("must be a number of US dollars, such as 0.25")
    text = str(value).strip().removeprefix("$")
    if not re.fullmatch(r"\d{1,9}(?:\.\d{1,12})?(?:[eE]-?\d{1,2})?", text, re.ASCII):
        raise refuse("must be a number of US dollars, such as 0.25")
    return Decimal(text)


Dollars = Annotated[Decimal, PlainValidator(_dollars)]


class PriceRule(Section):
    """What tokens of some models cost, in US dollars a million."""

    models: GlobList = Globs(["*"])
    """Patterns of the provider's own names."""
    provider: str | None = None
    """None: any provider."""
    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    """None: as other input."""
    cache_write: Dollars | None = None
    """None: as other input."""
    cache_write_1h: Dollars | None = Field(None, alias="cache-write-1h")
    """None: as `cache-write`."""


_FEE = re.compile(r"(\d{1,9}(?:\.\d{1,4})?) ?([A-Z]{3})", re.ASCII)


def _fee(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value} USD"
    if not isinstance(value, str) or not (match := _FEE.fullmatch(value.strip())):
        raise refuse("must be an amount and a currency, such as 20 USD")
    return f"{match[1]} {match[2]}"


class Subscription(Section):
    """What a plan costs, for reports to set beside what it covered."""

    provider: str | None = None
    """The provider's name."""
    host: str | None = None
    """The host of a login that passes through, `api.anthropic.com` for example."""
    fee: Annotated[str, PlainValidator(_fee)]
    """Amount and currency, `20 USD`."""
    every: Literal["day", "week", "month", "year"] = "month"


def _subscription(value: object) -> object:
    if isinstance(value, dict) and ("provider" in value) == ("host" in value):
        raise refuse("must have either a provider or a host")
    return value


SubscriptionField = Annotated[Subscription, BeforeValidator(_subscription)]


Billing = Literal["per-token", "plan", "free"]
"""What a provider charges for: each token, a subscription, or nothing."""
