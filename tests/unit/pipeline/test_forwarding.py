import base64

import pytest
from mitmproxy import http

from switchyard.pipeline.forwarding import Forwarding
from tests.support.runtime import FakeRuntime
from tests.support.runtime import addon_of
from tests.support.runtime import client_flow
from tests.support.runtime import forwarding
from tests.support.runtime import make_runtime

ASKED = b'{"refresh_token": "rt-1"}'


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime()


def passed(
    runtime: FakeRuntime, path: str, cookie: bool, host: str = "chat.example"
) -> tuple[http.HTTPFlow, bytes]:
    """A flow that is over, and what its client got of the body."""
    flow = client_flow(runtime, path, ASKED, to=(host, 443))
    headers = {"set-cookie": "session=s-1"} if cookie else {}
    flow.response = http.Response.make(200, b"", headers)
    passing = forwarding(runtime)
    passing.responseheaders(flow)
    got = b""
    if callable(flow.response.stream):
        for piece in (b"to", b"ken", b""):
            data = flow.response.stream(piece)
            assert isinstance(data, bytes) or data == []
            got += data if isinstance(data, bytes) else b""
    passing.response(flow)
    return flow, got


@pytest.mark.parametrize("path", ["/oauth/token", "/api/auth/session", "/v1/sign-in?x=1"])
def test_nothing_is_kept_of_signing_in(runtime: FakeRuntime, path: str) -> None:
    flow, got = passed(runtime, path, cookie=True)
    assert got == b"token"
    assert flow.response
    assert flow.response.headers["set-cookie"] == "***"
    assert (flow.request.raw_content, flow.response.raw_content) == (b"", b"")
    assert "not kept" in flow.comment


def test_a_cookie_is_masked_and_its_body_kept(runtime: FakeRuntime) -> None:
    flow, got = passed(runtime, "/api/me", cookie=True)
    assert got == b"token"
    assert flow.response
    assert flow.response.headers["set-cookie"] == "***"
    assert flow.response.raw_content == b"token"
    assert flow.request.raw_content == ASKED


def test_what_is_no_secret_is_kept(runtime: FakeRuntime) -> None:
    flow, got = passed(runtime, "/api/me", cookie=False)
    assert got == b"token"
    assert flow.response and flow.response.raw_content == b"token"
    assert flow.request.raw_content == ASKED and not flow.comment


def test_other_hosts_are_no_exception(runtime: FakeRuntime) -> None:
    """What goes to them by plain HTTP is seen here, and no more of it may be kept."""
    flow, got = passed(runtime, "/oauth/token", cookie=True, host="other.example")
    assert got == b"token"
    assert flow.response and callable(flow.response.stream)
    assert (flow.request.raw_content, flow.response.raw_content) == (b"", b"")
    assert flow.response.headers["set-cookie"] == "***"


def test_what_was_refused_is_not_streamed(runtime: FakeRuntime) -> None:
    flow = client_flow(runtime, "/v1/files", ASKED, to=("chat.example", 443))
    flow.client_conn.peername = ("127.0.0.1", 50000)
    flow.response = http.Response.make(407)
    addon_of(runtime, Forwarding).requestheaders(flow)
    assert not flow.request.stream


def test_our_own_answers_are_left_alone(runtime: FakeRuntime) -> None:
    """They are not streamed, and would lose their bodies."""
    flow = client_flow(runtime, "/api/me", b"", method="GET", to=("chat.example", 443))
    flow.response = http.Response.make(426, b"{}")
    passing = forwarding(runtime)
    passing.responseheaders(flow)
    passing.response(flow)
    assert flow.response.stream is False and flow.response.raw_content == b"{}"


def test_a_request_is_passed_on_as_it_comes(runtime: FakeRuntime) -> None:
    for path, kept in (("/v1/files", b"onetwo"), ("/oauth/token", b"")):
        flow = client_flow(runtime, path, b"", method="POST", to=("chat.example", 443))
        flow.client_conn.peername = ("127.0.0.1", 50000)
        passing = forwarding(runtime)
        passing.requestheaders(flow)
        assert callable(flow.request.stream)
        assert [flow.request.stream(piece) for piece in (b"one", b"two", b"")] == [
            b"one",
            b"two",
            [],
        ]
        passing.request(flow)
        assert flow.request.raw_content == kept


def test_calls_to_models_are_not_what_passes_through(runtime: FakeRuntime) -> None:
    flow = client_flow(runtime, "/v1/messages/count_tokens", ASKED)
    flow.response = http.Response.make(200, b"{}")
    forwarding(runtime).responseheaders(flow)
    assert flow.response.stream is False


@pytest.mark.parametrize("keeps", [True, False])
def test_nothing_is_taped_for_nobody(runtime: FakeRuntime, keeps: bool) -> None:
    passing = forwarding(runtime, keeps)
    flow = client_flow(runtime, "/v1/files", b"", method="POST", to=("chat.example", 443))
    flow.client_conn.peername = ("127.0.0.1", 50000)
    passing.requestheaders(flow)
    flow.response = http.Response.make(200, b"", {"set-cookie": "session=s-1"})
    passing.responseheaders(flow)
    assert callable(flow.request.stream) and callable(flow.response.stream)
    for stream in (flow.request.stream, flow.response.stream):
        assert stream(b"x" * 100_000) == b"x" * 100_000
    passing.response(flow)
    assert len(flow.response.raw_content or b"") == (100_000 if keeps else 0)
    assert flow.response.headers["set-cookie"] == "***"


KEY = "router-key-aaaa"
KEYED = f"""
clients: {{api-keys: [{KEY}]}}
providers: [{{name: chat, base-url: "https://chat.example/v1", api-key: k, models: [m]}}]
"""


def keyed() -> FakeRuntime:
    return make_runtime(KEYED)


def shown(field: bytes, path: str = "/v1/files") -> http.Request:
    """The request that passes, with one header of the client's."""
    runtime = keyed()
    flow = client_flow(runtime, path, b"", method="POST", to=("chat.example", 443))
    flow.client_conn.peername = ("127.0.0.1", 50000)
    flow.request.headers["x-field"] = field
    forwarding(runtime).requestheaders(flow)
    return flow.request


@pytest.mark.parametrize(
    "field",
    [
        KEY,
        f"Bearer {KEY}",
        f"bearer   {KEY}",
        f"token={KEY}",
        f"a=b; key={KEY}; c=d",
        f'Digest username="{KEY}", realm="x"',
        f"Basic {base64.b64encode(f'any:{KEY}'.encode()).decode()}",
        f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}",
        "key=router%2Dkey-aaaa",
    ],
)
def test_no_client_key_passes_through(field: str) -> None:
    assert "x-field" not in shown(field.encode()).headers


@pytest.mark.parametrize("field", [f"{KEY}2", "Bearer its-own-login", "", f"x{KEY}"])
def test_a_login_of_the_clients_own_passes_through(field: str) -> None:
    assert shown(field.encode()).headers["x-field"] == field


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (f"/v1/files?key={KEY}", "/v1/files"),
        (f"/v1/files?a=1&key={KEY}&b=%2F", "/v1/files?a=1&b=%2F"),
        ("/v1/files?key=router%2Dkey-aaaa&a=1", "/v1/files?a=1"),
        ("/v1/files?key=its-own&a;b", "/v1/files?key=its-own&a;b"),
    ],
)
def test_no_client_key_passes_through_in_a_query(path: str, left: str) -> None:
    assert shown(b"x", path).path == left


def test_a_websocket_passes_no_client_key_through() -> None:
    runtime = keyed()
    flow = client_flow(runtime, "/live", b"", method="GET", to=("chat.example", 443))
    flow.request.headers["upgrade"] = "websocket"
    flow.request.headers["authorization"] = f"Bearer {KEY}"
    forwarding(runtime).requestheaders(flow)
    assert "authorization" not in flow.request.headers and not flow.request.stream
