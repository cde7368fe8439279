"""Decides which requests of web pages count as their user's own.

A browser lets the page of any site send requests to any address, to this machine's too: what passes
for a form (Fetch, "CORS-safelisted request-header"), images, and WebSockets (RFC 6455, 10.2). It
names the page's site by `Origin` (Fetch, 3.2) and `Sec-Fetch-Site` (Fetch Metadata Request Headers,
2.3), which pages cannot write. A site may also have its name lead to this machine (DNS rebinding),
after which its pages have the router's origin, and `Host` alone shows it.
"""

import ipaddress
import re
import socket
from collections.abc import Collection

from mitmproxy import http

from switchyard.config.web_access import ANY_ORIGIN
from switchyard.exchange.guard import Refused
from switchyard.listener.addresses import LOOPBACK
from switchyard.listener.addresses import is_loopback
from switchyard.listener.addresses import is_this_machine
from switchyard.wire.model.errors import ApiError

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\[\]:/@\s,]+)(?::(\d{1,5}))?")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s,]+)(?::\d{0,5})?", re.IGNORECASE)
_LONGEST = 300
"""Characters of an origin or host; names in the DNS have 253 at most."""

_PORTS = {"http": 80, "https": 443}

_PROGRAMS: dict[str, frozenset[str] | None] = {
    "vscode-webview": None,  # each view has a host of its own
    "vscode-file": frozenset({"vscode-app"}),
    "app": frozenset({"obsidian.md"}),
    "capacitor": frozenset({"localhost"}),
    "tauri": frozenset({"localhost"}),
}
"""Programs that are made of web pages: their schemes, and the hosts that count there. No browser
gives a site's page such an origin. Extensions of browsers are not among them: anyone can publish
one, and it needs no permission to send requests."""

_LOCAL_NAMES = frozenset(
    {
        "host.docker.internal",
        "gateway.docker.internal",
        "host.containers.internal",
        "host.lima.internal",
    }
)
"""How containers on this machine call it; no site can be there (`.internal` is never delegated)."""


def check_own_page(request: http.Request, origins: Collection[str] = ()) -> None:
    """Raise Refused for a request to the router from the page of another site.

    `origins` are those of `clients.origins`; `*` among them admits no page.
    """
    origin = request.data.headers.get("origin")
    if origin is not None and origin in origins and origin != ANY_ORIGIN:
        return
    if is_from_elsewhere(request) if origin is None else not is_local_origin(origin):
        raise _refused(
            "Pages of other sites need a client key to call this router. Configure one in "
            "'clients: api-keys', and send it."
        )


def check_foreign_page(request: http.Request) -> None:
    """Raise Refused for a call at a provider's host from the page of another site.

    The router would serve it with its own keys.
    """
    origin = request.data.headers.get("origin")
    if origin is None:
        admitted = not is_from_elsewhere(request)
    else:
        admitted = is_local_origin(origin) or _is_origin_of(origin, request)
    if not admitted:
        raise _refused(
            f"Pages of other sites need a client key ('clients: api-keys') to call "
            f"{request.pretty_host} through this router."
        )


def check_host(host: str | None, names: tuple[str, ...]) -> None:
    """Raise Refused for a request to the router by a name that is not its own.

    `names` are those which the configuration adds; `host` is the value of the `Host` header.
    """
    if host is None or is_our_name(host, names):
        return
    raise _refused(
        "The router does not answer to this host name. Call it as localhost, or add the name "
        "to 'clients: host-names'."
    )


def is_from_elsewhere(request: http.Request) -> bool:
    """Whether a browser marks a request as caused by another site's page."""
    return request.data.headers.get("sec-fetch-site", "").strip().lower() == "cross-site"


def is_local_origin(origin: str) -> bool:
    """Whether an `Origin` is a page of this machine, or a program made of pages."""
    if (parts := _parts(origin)) is None:
        return False
    scheme, host, _ = parts
    if scheme in _PORTS:
        return is_loopback(host)
    hosts = _PROGRAMS.get(scheme, frozenset())
    return hosts is None or host in hosts


def is_our_name(host: str, names: tuple[str, ...]) -> bool:
    """Whether the value of a `Host` header is this machine.

    That is an address of its own in any spelling, or a name that no other machine can have.
    """
    found = _HOST.fullmatch(host.strip()) if len(host) <= _LONGEST else None
    if found is None:
        return False
    name = found[1].strip("[]").lower().removesuffix(".")
    if name in LOOPBACK or name.endswith(".localhost") or name in _LOCAL_NAMES:
        return True  # RFC 6761, 6.3: such names lead to loopback
    if name in (one.lower() for one in (*names, socket.gethostname())):
        return True
    address = _address(name)
    return address is not None and is_this_machine(address)


def _address(name: str) -> str | None:
    """Return an address in its usual spelling; programs also take 127.1, 0x7f000001."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            return socket.inet_ntoa(socket.inet_aton(name))
        except (OSError, ValueError):
            return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)


def _is_origin_of(origin: str, request: http.Request) -> bool:
    """Whether a page is of the host that it calls."""
    parts = _parts(origin)
    if parts is None or parts[0] not in _PORTS:
        return False
    _, host, port = parts
    return (host, port) == (request.pretty_host.lower(), request.port)


def _parts(origin: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an `Origin`, the port 0 where none is usual.

    None for a value that is not an origin of a site (`null`), and for several.
    """
    found = _ORIGIN.fullmatch(origin) if len(origin) <= _LONGEST else None
    if found is None:
        return None
    port = int(found[3]) if found[3] else _PORTS.get(found[1], 0)
    return found[1], found[2].strip("[]"), port


def _refused(message: str) -> Refused:
    return Refused(ApiError(message=message, kind="permission"), {"connection": "close"})
