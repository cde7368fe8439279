"""Loaded into the router's process by the tests with real tools.

It keeps everything on this machine: whatever host the router connects to is the upstream of the
tests, and hosts that no test speaks for are refused. And it writes down what was answered to whom.
`SWITCHYARD_WATCH` names a JSON file: `{"hosts": {host: port}, "log": path}`.
"""

import json
import os
from pathlib import Path
from typing import Any

from mitmproxy import http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

HERE = ("127.0.0.1", "localhost", "::1")
RUN_WITH = "Python-urllib"
"""How the agent of run-with's own questions begins."""


class Watch:
    def __init__(self) -> None:
        told = json.loads(Path(os.environ["SWITCHYARD_WATCH"]).read_text())
        self._hosts: dict[str, int] = told["hosts"]
        self._log = Path(told["log"])

    def server_connect(self, connecting: ServerConnectionHookData) -> None:
        server = connecting.server
        host, port = (server.address or ("", 0))[:2]
        if host in HERE:
            return
        if (here := self._hosts.get(host)) is not None:
            server.address = ("127.0.0.1", here)
            return
        server.error = f"{host}:{port} is not part of the tests"
        self._write(refused=f"{host}:{port}")

    def response(self, flow: http.HTTPFlow) -> None:
        assert flow.response
        headers = flow.response.headers
        agent = flow.request.headers.get("user-agent", "")
        if agent.startswith(RUN_WITH) and flow.response.status_code in (401, 403, 404):
            # It would not start a tool whose key or model is refused; that a user takes the key
            # away later is what is tried.
            flow.response = http.Response.make(200, b'{"data": []}')
            return
        self._write(
            host=flow.request.pretty_host,
            method=flow.request.method,
            path=flow.request.path.partition("?")[0],
            goes_on=b'"previous_response_id"' in (flow.request.raw_content or b""),
            agent=agent,
            status=flow.response.status_code,
            provider=headers.get("x-switchyard-provider", ""),
            attempts=headers.get("x-switchyard-attempts", ""),
            dropped=headers.get("x-switchyard-dropped", ""),
        )

    def error(self, flow: http.HTTPFlow) -> None:
        said = flow.error.msg if flow.error else ""
        self._write(host=flow.request.pretty_host, path=flow.request.path, error=said)

    def tls_failed_client(self, failed: Any) -> None:
        self._write(host=failed.conn.sni, error=f"TLS: {failed.conn.error}")

    def _write(self, **facts: object) -> None:
        with self._log.open("a") as log:
            log.write(json.dumps(facts) + "\n")


addons = [Watch()]
