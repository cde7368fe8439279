"""Whether a request is for us, or for somebody we are a proxy to."""

import ipaddress

from mitmproxy import connection
from mitmproxy import http
from mitmproxy.proxy import mode_specs


def names_us(flow: http.HTTPFlow) -> bool:
    """Whether a request's destination is an address we listen on.

    Every request of reverse mode is for us. A proxied one is when a client sends its base URL
    through `HTTP_PROXY`; forwarding that would be a loop.
    """
    client = flow.client_conn
    if isinstance(client.proxy_mode, mode_specs.ReverseMode):
        return True
    if flow.request.port != client.sockname[1]:
        return False
    host = flow.request.host.strip("[]").lower()
    return host == client.sockname[0] or is_loopback(host) or host in ("0.0.0.0", "::")


def comes_from_here(client: connection.Client) -> bool:
    """Whether a client is on this machine."""
    return client.peername is not None and is_loopback(client.peername[0])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
