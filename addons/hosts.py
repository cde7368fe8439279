"""The shipped table of the providers' own hosts."""

from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from addons.policy.hosts import HostTable
from addons.wire.gemini.code_assist import NAME as CODE_ASSIST
from addons.wire.registry import FORMATS

HOSTS = Path(__file__).resolve().parents[1] / "config" / "hosts.yaml"


@cache
def known_hosts() -> HostTable:
    """What `config/hosts.yaml` says, read at most once. Raises HostTableError."""
    data = YAML(typ="safe").load(HOSTS)
    return HostTable.from_data(data["hosts"], {*FORMATS, CODE_ASSIST})
