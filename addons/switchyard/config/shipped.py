"""Reads the shipped tables: providers' hosts, meanings of errors, trust stores."""

import hashlib
import json
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from switchyard.config.hosts import HostTable
from switchyard.config.trust import TrustTable
from switchyard.files import SHIPPED
from switchyard.policy.failures import FailureTable
from switchyard.wire.registry import CLIENT_FORMATS

PARSED = SHIPPED / "parsed.json"
"""What the tables say that each start reads. `scripts/docs` makes it of their YAML, which takes
some 100 ms to read."""


@cache
def known_hosts() -> HostTable:
    """Return the table of `config/shipped/hosts.yaml`. Raises HostTableError."""
    return HostTable.from_data(read_table("hosts.yaml")["hosts"], CLIENT_FORMATS)


@cache
def shipped_failures() -> FailureTable:
    """The error table that is part of the project."""
    return FailureTable.from_data(read_table("errors.yaml")["rules"], checked=True)


@cache
def known_clients() -> TrustTable:
    """Return the table of `config/shipped/trust.yaml`, read once."""
    return TrustTable.from_data(read_table("trust.yaml")["clients"])


def read_table(name: str) -> Any:
    """Return what a shipped YAML file says; as `PARSED` has it, unless the file is another now."""
    content = (SHIPPED / name).read_bytes()
    parsed = _parsed().get(name, {})
    if parsed.get("sha256") == hashlib.sha256(content).hexdigest():
        return parsed["says"]
    return YAML(typ="safe").load(content)


@cache
def _parsed() -> dict[str, dict[str, Any]]:
    return json.loads(PARSED.read_bytes())
