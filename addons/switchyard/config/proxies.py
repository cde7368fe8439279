"""Parses proxies towards providers: their URLs, and the environment's variables."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote
from urllib.parse import urlsplit

from pydantic import SecretStr

_NO_SECRET = SecretStr("")
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_LONGEST_OF_SOCKS = 255

HINT = "write direct, http://host:port or socks5://host:port"


class ProxyError(ValueError):
    """A text is not a proxy's URL.

    The error's own text quotes nothing of it, since it may contain a password.
    """


@dataclass(frozen=True, slots=True)
class Proxy:
    """What stands between the router and a provider."""

    scheme: Literal["direct", "http", "https", "socks5", "socks5h"]
    """`direct`: no proxy, whatever an outer setting names. `socks5` receives addresses, `socks5h`
    names, which it resolves itself."""
    host: str = ""
    port: int = 0
    username: str = ""
    password: SecretStr = _NO_SECRET

    @property
    def label(self) -> str:
        """What it is called in errors and logs: no user, no password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}" if self.host else self.scheme


def parse_proxy(text: str) -> Proxy:
    """A proxy by its URL, or `direct`. Raises ProxyError."""
    if text == "direct":
        return Proxy("direct")
    scheme = text.partition("://")[0].lower()
    if scheme not in _PORTS or "://" not in text:
        raise ProxyError("must be an http, https, socks5 or socks5h URL, or direct")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ProxyError("is not a URL") from None
    if port == 0 or not parts.hostname or not text.isprintable() or " " in text:
        raise ProxyError("is not a URL with a host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ProxyError("has a path in it, which a proxy does not have")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if scheme.startswith("socks"):
        # RFC 1929: one byte says how long each is.
        if max(len(username.encode()), len(password.encode())) > _LONGEST_OF_SOCKS:
            raise ProxyError("has a user or password longer than the 255 bytes that SOCKS allows")
        if bool(username) != bool(password):
            raise ProxyError("needs a user and a password, or neither")
    return Proxy(
        scheme,  # pyright: ignore[reportArgumentType]
        parts.hostname,
        port or _PORTS[scheme],
        username,
        SecretStr(password),
    )


@dataclass(frozen=True, slots=True)
class EnvironmentProxies:
    """The proxies of the environment, read as curl does.

    The variables are `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    """

    by_scheme: Mapping[str, tuple[str, Proxy]]
    """The variable's name, and its proxy, for `http` and `https` URLs."""
    spared: tuple[str, ...] = ()
    """The entries of `NO_PROXY`."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "EnvironmentProxies":
        """Read the variables; lower case takes precedence, empty ones count as unset.

        A URL without scheme is an HTTP proxy's. Raises ProxyError, naming the variable.
        """

        def find(name: str) -> tuple[str, str]:
            named = ((one, environment.get(one, "").strip()) for one in (name.lower(), name))
            return next((found for found in named if found[1]), (name, ""))

        by_scheme: dict[str, tuple[str, Proxy]] = {}
        for scheme in ("http", "https"):
            for variable, text in (find(f"{scheme.upper()}_PROXY"), find("ALL_PROXY")):
                if not text:
                    continue
                try:
                    proxy = parse_proxy(text if "://" in text else f"http://{text}")
                except ProxyError as e:
                    hint = "write http://host:port or socks5://host:port"
                    raise ProxyError(f"{variable}: {e}. Hint: {hint}.") from None
                by_scheme[scheme] = variable, proxy
                break
        entries = find("NO_PROXY")[1].replace(",", " ").split()
        return cls(by_scheme, tuple(entry.lower() for entry in entries))

    def with_default(self, said_by: str, proxy: Proxy) -> "EnvironmentProxies":
        """Return a copy with this proxy in place of all that the variables name.

        Hosts in `NO_PROXY` stay excepted.
        """
        named = (said_by, proxy)
        return EnvironmentProxies({"http": named, "https": named}, self.spared)

    def find(self, url: str) -> tuple[str, Proxy] | None:
        """Return the variable and its proxy for calls to a URL; None for no proxy.

        This machine itself is never reached through a proxy: for the proxy it would be another
        machine.
        """
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        found = self.by_scheme.get(parts.scheme)
        if found is None or not host or _is_this_machine(host):
            return None
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return None if any(_spares(entry, host, port) for entry in self.spared) else found


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _spares(entry: str, host: str, port: int) -> bool:
    """Whether an entry of `NO_PROXY` covers this host.

    An entry is `*`, a name with all below it (with or without a dot or `*.` before it), an address,
    or a network; each may have a port.
    """
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
        return address is not None and address in network
    if _address(entry) is None:  # an IPv6 address has colons, but they begin no port
        name, colon, of_port = entry.rpartition(":")
        if colon and of_port.isdigit():
            if int(of_port) != port:
                return False
            entry = name
    if (alone := _address(entry)) is not None:
        return address == alone
    name = entry.removeprefix("*").lstrip(".").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))
