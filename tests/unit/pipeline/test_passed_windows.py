"""Windows of WebSockets that pass through, without a connection."""

from typing import Any

import pytest
from mitmproxy import http
from mitmproxy import websocket
from mitmproxy.test import tflow
from wsproto.frame_protocol import Opcode

from switchyard.pipeline.passed_windows import PassedWindows
from tests.support.runtime import FakeRuntime
from tests.support.runtime import addon_of
from tests.support.runtime import make_runtime

EVENT = b"""{"type": "codex.rate_limits", "rate_limits": {"primary": {"used_percent": %d,
"window_minutes": 300}}}"""


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime(
        """
        providers: [{name: own, base-url: https://own.example/v1, models: [o], api-key: own-key-1}]
        intercept: {chatgpt.com: passthrough}
        """
    )


def handshake(url: str = "https://chatgpt.com/backend-api/codex/responses") -> http.HTTPFlow:
    headers = http.Headers(upgrade="websocket", authorization="Bearer eyJ-login-1")
    flow = tflow.tflow(req=http.Request.make("GET", url, b"", headers))
    flow.websocket = websocket.WebSocketData()
    return flow


def say(addon: PassedWindows, flow: http.HTTPFlow, content: bytes, client: bool = False) -> None:
    assert flow.websocket
    flow.websocket.messages.append(websocket.WebSocketMessage(Opcode.TEXT, client, content))
    addon.websocket_message(flow)


def known(runtime: FakeRuntime) -> dict[str, Any]:
    return {track.window.name: track.window.used for _, track in runtime.ledger.windows.tracks()}


def test_the_head_and_the_messages_of_the_host(runtime: FakeRuntime) -> None:
    addon, flow = addon_of(runtime, PassedWindows), handshake()
    addon.request(flow)
    told = {"x-codex-secondary-used-percent": "9", "x-codex-secondary-window-minutes": "10080"}
    flow.response = http.Response.make(101, b"", told)
    addon.responseheaders(flow)
    addon.response(flow)
    assert known(runtime) == {"7d": 0.09}
    say(addon, flow, EVENT % 50, client=True)
    assert known(runtime) == {"7d": 0.09}
    say(addon, flow, EVENT % 12)
    assert known(runtime) == {"7d": 0.09, "5h": 0.12}
    addon.websocket_end(flow)
    say(addon, flow, EVENT % 90)
    assert known(runtime)["5h"] == 0.12


def test_what_does_not_pass_is_not_read(runtime: FakeRuntime) -> None:
    addon = addon_of(runtime, PassedWindows)
    elsewhere, refused, plain = handshake("https://other.example/x"), handshake(), handshake()
    refused.response = http.Response.make(403)
    del plain.request.headers["upgrade"]
    for flow in (elsewhere, refused, plain):
        addon.request(flow)
        say(addon, flow, EVENT % 12)
    ended = handshake()
    addon.request(ended)
    ended.response = http.Response.make(426)
    addon.response(ended)
    say(addon, ended, EVENT % 12)
    broken = handshake()
    addon.request(broken)
    addon.error(broken)
    say(addon, broken, EVENT % 12)
    assert known(runtime) == {}
