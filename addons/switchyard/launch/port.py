"""Looks whether the router can listen where it is told to, before anything is loaded."""

import errno
import http.client
import json
import socket

from switchyard.launch.options import PROGRAM
from switchyard.launch.options import Launch

_ANSWERS_WITHIN = 1.0
"""Seconds for which whoever has the port is asked who it is."""
_PORTS_TRIED = 100
_EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def why_not(launch: Launch) -> str:
    """Return why the router cannot listen, with the remedy; empty if it can.

    Another process may still take the port until mitmproxy listens; mitmproxy reports that.
    """
    if not launch.listens:
        return ""
    where = f" (from the environment variable {launch.host_from})" if launch.host_from else ""
    try:
        _try(launch.host, launch.port)
    except socket.gaierror as error:
        return (
            f"the host {launch.host!r}{where} is not an address of this machine: {error.strerror}. "
            f"{_remedy(launch)}"
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _taken(launch)
        if error.errno == errno.EACCES:
            return f"port {launch.port} needs root's rights. Choose one above 1023: --port 8787."
        return f"cannot listen on {launch.host!r}{where}: {error.strerror}. {_remedy(launch)}"
    return ""


def _remedy(launch: Launch) -> str:
    if launch.host_from == "HOST":
        return "Set SWITCHYARD_HOST, which goes before HOST, or start with --host 127.0.0.1."
    if launch.host_from:
        return f"Set {launch.host_from} to one, or start with --host 127.0.0.1."
    return "Start with --host 127.0.0.1, or with an address that this machine has."


def _try(host: str, port: int) -> None:
    """Bind as the router will: to each address of a host that this machine has. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    problems: list[OSError] = []
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
                probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
            problems.append(error)
    if len(problems) == len(found):
        raise problems[0]


def _taken(launch: Launch) -> str:
    host = _EVERY_ADDRESS.get(launch.host, launch.host)
    who = "another Switchyard" if is_router(host, launch.port) else "another program"
    free = _free_port(launch.host, launch.port)
    other = f"--port {free}" if free else "--port N"
    return (
        f"port {launch.port} of {launch.host} is already in use by {who}. "
        f"Stop it, or choose another port: {PROGRAM} {other}."
    )


def is_router(host: str, port: int) -> bool:
    """Whether a Switchyard answers there."""
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWERS_WITHIN)
    try:
        connection.request("GET", "/health")
        health = json.loads(connection.getresponse().read(4096))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(health, dict) and "providers" in health and "uptime" in health


def _free_port(host: str, taken: int) -> int | None:
    for port in range(taken + 1, min(taken + _PORTS_TRIED, 65536)):
        try:
            _try(host, port)
        except OSError:
            continue
        return port
    return None
