"""Defines where limits, cooldowns and turns are shared (`state`)."""

import importlib.util
from typing import Annotated
from typing import Literal

from pydantic import AfterValidator
from pydantic import SecretStr

from switchyard.config.fields import Name
from switchyard.config.fields import PositiveDuration
from switchyard.config.fields import Secret
from switchyard.config.fields import refuse
from switchyard.config.section import Section
from switchyard.config.section import short

MEMORY = "memory"

_SCHEMES = ("redis", "rediss", "unix", "valkey", "valkeys")


def _address(value: SecretStr) -> SecretStr:
    address = value.get_secret_value()
    if address == MEMORY:
        return value
    scheme, colon, rest = address.partition("://")
    if not colon or not rest or scheme not in _SCHEMES:
        raise refuse("is no kind of state", "write memory, or redis://HOST:PORT")
    if importlib.util.find_spec("redis") is None:
        raise refuse("needs the package redis", "install switchyard[redis]")
    return value


class StateSettings(Section):
    """What several processes share, and how."""

    url: Annotated[Secret, AfterValidator(_address)] = SecretStr(MEMORY)
    """`memory`, or the address of Redis or Valkey, which may hold a password."""
    prefix: Name = "default"
    """Keeps several installations apart in one server."""
    redis_failure: Literal["local", "closed"] = "local"
    """Whether requests with limits go on with this process' share while Redis is away."""
    timeout: PositiveDuration = 0.1
    """Seconds that a request waits for Redis."""


StateField = Annotated[StateSettings, short("url")]
