"""A script for mitmdump: hosts are looked for on this machine, at the ports that the variable
`TEST_HOSTS` (JSON, host: port) names. The router has no part in it."""

import json
import os

from mitmproxy.proxy.server_hooks import ServerConnectionHookData

PORTS: dict[str, int] = json.loads(os.environ["TEST_HOSTS"])


def server_connect(data: ServerConnectionHookData) -> None:
    host = data.server.address[0] if data.server.address else ""
    if host in PORTS:
        data.server.address = ("127.0.0.1", PORTS[host])
