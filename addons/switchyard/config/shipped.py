"""Reads the shipped tables: providers' hosts, meanings of errors, trust stores."""

from functools import cache

from ruamel.yaml import YAML

from switchyard.config.hosts import HostTable
from switchyard.config.trust import TrustTable
from switchyard.files import SHIPPED
from switchyard.policy.failures import FailureTable
from switchyard.wire.registry import CLIENT_FORMATS

HOSTS = SHIPPED / "hosts.yaml"


@cache
def known_hosts() -> HostTable:
    """Return the table of `config/shipped/hosts.yaml`. Raises HostTableError."""
    data = YAML(typ="safe").load(HOSTS)
    return HostTable.from_data(data["hosts"], CLIENT_FORMATS)


ERROR_TABLE = SHIPPED / "errors.yaml"


TRUST_TABLE = SHIPPED / "trust.yaml"


@cache
def shipped_failures() -> FailureTable:
    """The error table that is part of the project."""
    data = YAML(typ="safe").load(ERROR_TABLE)
    return FailureTable.from_data(data["rules"])


@cache
def known_clients() -> TrustTable:
    """Return the table of `config/shipped/trust.yaml`, read once."""
    return TrustTable.from_data(YAML(typ="safe").load(TRUST_TABLE)["clients"])
