"""Run beside the router by tests: names under `.test` have the addresses they are made of, in that
order, as `127-0-0-2.127-0-0-1.test`, and every question for them is logged."""

import logging
import socket
from typing import Any

_real = socket.getaddrinfo


def _getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
    if not isinstance(host, str) or not host.endswith(".test"):
        return _real(host, port, *args, **options)
    logging.getLogger(__name__).info("resolving: %s", host)
    addresses = [part.replace("-", ".") for part in host.removesuffix(".test").split(".")]
    return [found for address in addresses for found in _real(address, port, *args, **options)]


socket.getaddrinfo = _getaddrinfo
addons: list[object] = []
