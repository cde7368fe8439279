"""Names clients that do not trust the router, and what each has to set. No I/O."""

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_OTHERS = (
    "Node and Bun tools take NODE_EXTRA_CA_CERTS={ca}; Python, Rust and Go take SSL_CERT_FILE and "
    "Codex CODEX_CA_CERTIFICATE, to name a file with the system's certificates and that one"
)
_LAUNCHER = "scripts/run-with sets all of them"


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client, and how it is made to trust an authority."""

    name: str
    variable: str
    whole: bool
    """Whether the variable's file takes the place of all other roots."""
    agents: re.Pattern[str]
    hosts: frozenset[str]


class TrustTable:
    """All known clients, in the order in which they are looked for."""

    def __init__(self, clients: Sequence[KnownClient]) -> None:
        self._clients = tuple(clients)

    @classmethod
    def from_data(cls, data: Sequence[Mapping[str, Any]]) -> "TrustTable":
        """The table of the parsed file. Raises KeyError where one has no name or variable."""
        return cls(
            [
                KnownClient(
                    name=one["name"],
                    variable=one["variable"],
                    whole=bool(one.get("whole")),
                    agents=re.compile(one.get("agents", r"(?!)"), re.IGNORECASE),
                    hosts=frozenset(one.get("hosts", ())),
                )
                for one in data
            ]
        )

    def advice(self, agent: str, host: str, ca: str) -> tuple[str, str]:
        """Return the client's name and the remedy.

        Takes its User-Agent (empty where it sent none), the host it called and the path of the
        authority's certificate.
        """
        by_agent = next((one for one in self._clients if agent and one.agents.search(agent)), None)
        if by_agent is not None:
            return by_agent.name, f"{_set(by_agent, ca)}; {_LAUNCHER}."
        others = f"{_OTHERS.format(ca=ca)}; {_LAUNCHER}."
        by_host = next((one for one in self._clients if host in one.hosts), None)
        if by_host is None or agent:
            return (f"a client ({agent})" if agent else "a client"), others
        return f"a client, {by_host.name} maybe,", f"For that, {_set(by_host, ca)}. Else: {others}"


def _set(client: KnownClient, ca: str) -> str:
    if client.whole:
        return f"set {client.variable} to a file with the system's certificates and {ca}"
    return f"set {client.variable}={ca}"
