"""The nftables rules that lead chosen traffic to the router. Pure: text in, text out."""

from dataclasses import dataclass

TABLE = "inet switchyard"
_ALIVE = "alive"
"""The set of ports that are redirected: its elements go by themselves, unless they are renewed."""
HOLDS_FOR = 15
"""Seconds for which connections are redirected after the last sign that the router is there.
Whoever took its port later would get them."""


@dataclass(frozen=True, slots=True)
class CgroupRule:
    """A cgroup as nftables names it: its path below /sys/fs/cgroup, and its depth in the tree."""

    path: str
    level: int

    @property
    def match(self) -> str:
        return f'socket cgroupv2 level {self.level} "{self.path}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Whose traffic goes where.

    Exactly one of `users`, `cgroups`, `interface` and `everybody` says whose.
    """

    port: int
    """Of the router's transparent mode."""
    ports: tuple[int, ...] = (80, 443)
    """Destination ports that are redirected."""
    users: tuple[int, ...] = ()
    cgroups: tuple[CgroupRule, ...] = ()
    interface: str = ""
    """Our side of a namespace's link."""
    everybody: bool = False
    """Whoever is in the network namespace that the rules are for."""
    router: CgroupRule | int | None = None
    """What tells the router's own connections apart, where they would match: its cgroup, or its
    user id."""
    ipv6: bool = False
    """Whether the router listens on ::1 as well."""
    closed: bool = False
    """Whether connections are refused that do not go to the router, while it is not there."""

    @property
    def rules(self) -> str:
        """What `nft -f` takes. It replaces the whole table at once, and touches no other."""
        chains = self._passing() if self.interface else self._leaving()
        alive = (
            f"\tset {_ALIVE} {{\n\t\ttype inet_service; flags timeout;\n"
            f"\t\telements = {{ {_elements(self.ports)} }}\n\t}}\n"
        )
        return f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{alive}{chains}}}\n"

    @property
    def _tcp(self) -> str:
        return f"tcp dport {{ {', '.join(map(str, self.ports))} }}"

    def _leaving(self) -> str:
        """For connections made on this machine. What goes to the machine itself stays as it is."""
        own = ["fib daddr type local return"]
        match self.router:
            case CgroupRule(match=match):
                own.append(f"{match} return")
            case int(uid):
                own.append(f"meta skuid {uid} return")
        redirect, refuse = [*own, f"tcp dport != @{_ALIVE} return"], list(own)
        for whose in self._whose():
            for family in ("ipv4", "ipv6") if self.ipv6 else ("ipv4",):
                redirect.append(
                    f"{whose}meta nfproto {family} {self._tcp} redirect to :{self.port}"
                )
            refuse.append(f"{whose}udp dport 443 {_REFUSE_UDP}")
            if self.closed:
                refuse.append(f"{whose}{self._tcp} {_REFUSE_TCP}")
            elif not self.ipv6:
                refuse.append(f"{whose}meta nfproto ipv6 {self._tcp} {_REFUSE_TCP}")
        return _chain("to_router", "nat", "output", -100, redirect) + _chain(
            "refused", "filter", "output", 0, refuse
        )

    def _whose(self) -> list[str]:
        if self.everybody:
            return [""]
        users = [f"meta skuid {uid} " for uid in self.users]
        return users + [f"{cgroup.match} " for cgroup in self.cgroups]

    def _passing(self) -> str:
        """For connections that come in by an interface.

        The router stays on the loopback address, which nothing else that comes in there may be
        sent to.
        """
        whose = f'iifname "{self.interface}" '
        redirect = [
            f"{whose}fib daddr type local return",
            f"{whose}tcp dport != @{_ALIVE} return",
            f"{whose}meta nfproto ipv4 {self._tcp} dnat ip to 127.0.0.1:{self.port}",
        ]
        refuse = [
            f"{whose}udp dport 443 {_REFUSE_UDP}",
            f"{whose}{self._tcp} {_REFUSE_TCP}"
            if self.closed
            else f"{whose}meta nfproto ipv6 {self._tcp} {_REFUSE_TCP}",
        ]
        return (
            _chain("guarded", "filter", "prerouting", -300, [f"{whose}ip daddr 127.0.0.0/8 drop"])
            + _chain("to_router", "nat", "prerouting", -100, redirect)
            + _chain("refused", "filter", "forward", 0, refuse)
        )


def still_alive(ports: tuple[int, ...]) -> str:
    """What `nft -f` takes to have the rules hold for a while longer."""
    name = f"{TABLE} {_ALIVE}"
    return f"flush set {name}\nadd element {name} {{ {_elements(ports)} }}\n"


def no_more() -> str:
    """What `nft -f` takes to have nothing redirected from now on."""
    return f"flush set {TABLE} {_ALIVE}\n"


def _elements(ports: tuple[int, ...]) -> str:
    return ", ".join(f"{port} timeout {HOLDS_FOR}s" for port in ports)


_REFUSE_UDP = "reject with icmpx type port-unreachable"
"""QUIC: its clients go on over TCP."""
_REFUSE_TCP = "reject with tcp reset"
"""The router is not there by IPv6: clients go on over IPv4."""


def _chain(name: str, kind: str, hook: str, priority: int, rules: list[str]) -> str:
    lines = [f"type {kind} hook {hook} priority {priority}; policy accept;", *rules]
    body = "".join(f"\t\t{line}\n" for line in lines)
    return f"\tchain {name} {{\n{body}\t}}\n"
