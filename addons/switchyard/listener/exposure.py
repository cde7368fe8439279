"""Finds the addresses the router listens on, and the clients that reach them."""

from collections.abc import Iterable
from collections.abc import Iterator

from mitmproxy import ctx
from mitmproxy import exceptions
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.mode_servers import ServerInstance

from switchyard.config.schema import Config
from switchyard.listener.addresses import is_loopback
from switchyard.listener.addresses import knows_its_clients
from switchyard.listener.builtin_addons import mitmproxys

SHORTEST_KEY = 7
"""Characters of a client key where other machines can try keys."""

_SCHEMES = {"socks5": "socks5", "wireguard": "wireguard", "dns": "dns"}
"""How the address of a mode is written that does not speak HTTP with its clients."""


def wanted_addresses() -> list[tuple[str, int]]:
    """Where the options say to listen."""
    options = ctx.options
    return [
        (mode.listen_host(options.listen_host), port)
        for mode in listening_modes()
        if (port := mode.listen_port(options.listen_port))
    ]


def wanted_hosts(modes: Iterable[mode_specs.ProxyMode] | None = None) -> list[str]:
    """The addresses that the options say to listen on."""
    hosts = {mode.listen_host(ctx.options.listen_host) for mode in modes or listening_modes()}
    return sorted(host or "0.0.0.0" for host in hosts)


def listening_modes() -> list[mode_specs.ProxyMode]:
    return [mode_specs.ProxyMode.parse(mode) for mode in ctx.options.mode]


def open_hosts() -> list[str]:
    """Return those of the hosts that other machines can reach."""
    open_modes = [mode for mode in listening_modes() if not knows_its_clients(mode)]
    if not open_modes:
        return []
    return [host for host in wanted_hosts(open_modes) if not is_loopback(host)]


def exposure(config: Config) -> str:
    """Return why this configuration must not listen where the options say; else ""."""
    open_to = open_hosts()
    has_keys = bool(config.clients.api_keys) or config.clients.keys_file is not None
    if config.trusted_proxies and not has_keys:
        return (
            "it would serve the clients behind trusted-proxies without client keys. Set "
            "clients.api-keys, or remove trusted-proxies if the proxy asks for keys itself."
        )
    if not open_to:
        return ""
    if has_keys:
        return _too_short(config, open_to)
    return (
        f"it would listen on {', '.join(open_to)} for other machines without client keys. Set "
        "clients.api-keys (shipped configuration: SWITCHYARD_KEY), or listen on 127.0.0.1."
    )


def _too_short(config: Config, open_to: list[str]) -> str:
    """Return why its client keys do not suffice for other machines; else ""."""
    for place, entry in enumerate(config.clients.api_keys):
        if entry.key is not None and len(entry.key.get_secret_value()) < SHORTEST_KEY:
            return (
                f"it would listen on {', '.join(open_to)} for other machines, and "
                f"clients.api-keys[{place}] has fewer than {SHORTEST_KEY} characters. Make it "
                "longer (openssl rand -hex 24), or listen on 127.0.0.1."
            )
    return ""


def refuse_to_expose(config: Config) -> None:
    if why := exposure(config):
        raise exceptions.OptionsError(why)


def bound_hosts() -> list[str]:
    """The addresses that are listened on."""
    return [address[0] for address in mitmproxys("proxyserver").listen_addrs()]


def bound_ports() -> frozenset[int]:
    return frozenset(address[1] for address in mitmproxys("proxyserver").listen_addrs())


def is_listening() -> bool:
    servers = mitmproxys("proxyserver").servers
    if not len(servers) or not all(server.is_running for server in servers):
        return False
    bound = bound_hosts()
    if not bound:
        return True  # a mode that captures without listening
    # While the servers start anew, the old addresses are still named for a moment.
    return all(map(is_loopback, bound)) == all(map(is_loopback, wanted_hosts()))


def reachable_at(server: ServerInstance, config: Config) -> Iterator[str]:
    """Where a mode is to be reached, as its clients write it."""
    mode = server.mode
    if not server.listen_addrs:
        yield mode.full_spec
    scheme = _SCHEMES.get(mode.type_name, "http")
    for host, port, *_ in server.listen_addrs:
        at = f"{_url_host(host)}:{port}"
        if mode.transport_protocol == "udp" and scheme == "http":
            yield f"https://{at} (QUIC)"
            continue
        yield f"{scheme}://{at}"
        if config.tls is not None and scheme == "http":
            yield f"https://{at}"


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
