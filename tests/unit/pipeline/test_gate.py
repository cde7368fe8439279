from collections.abc import Mapping

import pytest
from mitmproxy import http
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.modes import Socks5AuthData
from mitmproxy.test import taddons
from mitmproxy.test import tflow
from mitmproxy.test import tutils

from switchyard.config.schema import ServerTls
from switchyard.pipeline.access import Access
from switchyard.pipeline.gate import Gate
from tests.support.runtime import CONFIG
from tests.support.runtime import HOST as OURSELVES
from tests.support.runtime import PORT
from tests.support.runtime import FakeRuntime
from tests.support.runtime import addon_of
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

KEYED = (
    CONFIG.replace(
        "providers:\n", "providers:\n      - {name: box, base-url: 'http://10.9.8.7:81'}\n"
    )
    + "    clients: {api-keys: [router-key-1]}\n"
)
SERVED, FIGURES, OTHER = ("chat.example", 443), ("10.9.8.7", 81), ("internal.example", 443)
HERE, ELSEWHERE = "127.0.0.1", "203.0.113.7"
KEY = "Basic YW55OnJvdXRlci1rZXktMQ=="
WRONG = "Basic YW55OnJvdXRlci1rZXktMg=="


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime(KEYED)


def decide(
    runtime: FakeRuntime,
    flow: http.HTTPFlow,
    peer: str,
    mode: str = "regular",
    headers: Mapping[str, str] | None = None,
) -> int | None:
    """The status of the answer that a request gets instead of being taken to its destination."""
    flow.client_conn.peername = (peer, 50000)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    flow.request.headers.update(headers or {})
    access, gate = addon_of(runtime, Access), addon_of(runtime, Gate)
    hooks = ["http_connect"] if flow.request.method == "CONNECT" else ["requestheaders", "request"]
    for hook in hooks:
        for addon in (access, gate):
            if (handler := getattr(addon, hook, None)) is not None:
                handler(flow)
    assert "proxy-authorization" not in flow.request.headers
    return flow.response.status_code if flow.response else None


def connect(to: tuple[str, int]) -> http.HTTPFlow:
    return tflow.tflow(req=tutils.treq(method=b"CONNECT", host=to[0], port=to[1]))


@pytest.mark.parametrize(
    ("peer", "to", "shown", "status"),
    [
        (HERE, OTHER, None, None),
        ("::1", OTHER, None, None),
        (HERE, SERVED, WRONG, None),
        (ELSEWHERE, SERVED, None, 407),
        (ELSEWHERE, OTHER, None, 407),
        (ELSEWHERE, (OURSELVES, PORT), None, 407),
        (ELSEWHERE, SERVED, WRONG, 407),
        (ELSEWHERE, SERVED, KEY, None),
        (ELSEWHERE, SERVED, "Bearer router-key-1", None),
        (ELSEWHERE, FIGURES, KEY, None),
        (ELSEWHERE, (OURSELVES, PORT), KEY, None),
        (ELSEWHERE, OTHER, KEY, 403),
        (ELSEWHERE, (OURSELVES, 22), KEY, 403),
        (ELSEWHERE, (SERVED[0], 22), KEY, 403),
    ],
)
@pytest.mark.parametrize("mode", ["regular", "upstream:http://corp.example:8080"])
def test_a_tunnel(runtime: FakeRuntime, mode, peer, to, shown, status) -> None:
    flow = connect(to)
    headers = {"proxy-authorization": shown} if shown else {}
    assert decide(runtime, flow, peer, mode, headers) == status
    if status == 407:
        assert flow.response
        assert flow.response.headers["proxy-authenticate"].startswith("Basic ")
        assert "KEY@" in (flow.response.text or "")


@pytest.mark.parametrize(
    ("peer", "to", "shown", "status"),
    [
        (HERE, OTHER, None, None),
        (HERE, OTHER, WRONG, None),
        (ELSEWHERE, OTHER, None, 407),
        (ELSEWHERE, OTHER, KEY, 403),
        (ELSEWHERE, SERVED, None, 407),
        (ELSEWHERE, SERVED, WRONG, 407),
        (ELSEWHERE, SERVED, KEY, None),
        (ELSEWHERE, ("127.0.0.1", 443), KEY, 403),
    ],
)
@pytest.mark.parametrize("upgrade", [False, True])
def test_a_request_that_is_no_call(runtime: FakeRuntime, upgrade, peer, to, shown, status) -> None:
    flow = client_flow(runtime, "/api/pull", to=to, method="GET")
    headers = {"proxy-authorization": shown} if shown else {}
    if upgrade:
        headers |= {"upgrade": "websocket", "connection": "upgrade"}
    assert decide(runtime, flow, peer, headers=headers) == status


@pytest.mark.parametrize(
    ("authorization", "status"), [("", 401), ("Bearer wrong", 401), ("Bearer router-key-1", None)]
)
def test_a_call_is_taken_nowhere_by_itself(runtime: FakeRuntime, authorization, status) -> None:
    flow = client_flow(runtime, "/v1/chat/completions", {"model": "m"}, to=SERVED)
    assert decide(runtime, flow, ELSEWHERE, headers={"authorization": authorization}) == status


@pytest.mark.parametrize("mode", ["transparent", "wireguard", "local:claude"])
def test_captured_clients_go_on_where_they_were_going(runtime: FakeRuntime, mode: str) -> None:
    for to in (SERVED, OTHER, ("198.51.100.6", 443)):
        assert decide(runtime, client_flow(runtime, "/x", to=to), ELSEWHERE, mode) is None


@pytest.mark.parametrize("peer", [HERE, ELSEWHERE])
@pytest.mark.parametrize(
    ("to", "named", "mode", "refused"),
    [
        (SERVED, "chat.example:443", "regular", False),
        (SERVED, "CHAT.example", "regular", False),
        (SERVED, "claude.example", "regular", True),
        (SERVED, "", "regular", True),
        (SERVED, "chat.example@evil.example", "regular", True),
        (("127.0.0.1", 443), "chat.example", "regular", True),
        (("127.0.0.1", 443), "chat.example", "upstream:http://corp.example:1", True),
        (FIGURES, "claude.example", "regular", True),
        (SERVED, "claude.example", "socks5", True),
    ],
)
def test_a_host_that_is_not_the_one_that_is_dialled(
    runtime: FakeRuntime, peer, to, named, mode, refused
) -> None:
    for path, body in (("/anything", b"x"), ("/v1/chat/completions", b"{}")):
        flow = client_flow(runtime, path, body, to=to)
        headers = {"host": named, "proxy-authorization": KEY}
        assert decide(runtime, flow, peer, mode, headers) == (400 if refused else None)


def test_a_second_host_is_one_too_many(runtime: FakeRuntime) -> None:
    flow = client_flow(runtime, "/anything", to=SERVED)
    flow.request.headers.add("host", "claude.example")
    assert decide(runtime, flow, HERE) == 400
    flow = client_flow(runtime, "/anything", to=SERVED)
    flow.request.authority = "claude.example"
    assert decide(runtime, flow, HERE) == 400


@pytest.mark.parametrize(
    ("mode", "peer", "to", "path", "status"),
    [
        ("transparent", ELSEWHERE, ("198.51.100.6", 443), "/anything", None),
        ("socks5", HERE, ("198.51.100.6", 443), "/anything", None),
        ("socks5", ELSEWHERE, ("198.51.100.6", 443), "/anything", 403),
        ("socks5", ELSEWHERE, ("198.51.100.6", 443), "/v1/chat/completions", None),
        ("socks5", ELSEWHERE, FIGURES, "/anything", 400),
        ("socks5", ELSEWHERE, FIGURES, "/api/chat", 400),
        ("transparent", ELSEWHERE, FIGURES, "/anything", None),
    ],
)
def test_a_name_for_an_address_in_figures(runtime, mode, peer, to, path, status) -> None:
    """A call is routed by the name; by itself nothing is taken anywhere but where was dialled."""
    name = "chat.example" if to != FIGURES else "codex.example"
    flow = client_flow(runtime, path, b"{}", to=to)
    key = runtime.snapshot.config.clients.api_keys[0]
    runtime.clients.admit_connection(flow.client_conn.id, key)
    assert decide(runtime, flow, peer, mode, {"host": name}) == status


def test_what_is_asked_of_ourselves_is_no_proxying(runtime: FakeRuntime) -> None:
    flow = client_flow(runtime, "/health", method="GET")
    assert decide(runtime, flow, ELSEWHERE, headers={"host": "any.example"}) is None


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("to", [OTHER, SERVED, None])
def test_what_the_proxy_was_shown_goes_no_further(keys: bool, to) -> None:
    runtime = make_runtime(KEYED if keys else CONFIG)
    for shown in (KEY, WRONG, "nonsense", ""):
        flow = client_flow(runtime, "/health", method="GET", to=to)
        flow.request.trailers = http.Headers([(b"Proxy-Authorization", b"x")])
        assert decide(runtime, flow, HERE, headers={"Proxy-Authorization": shown}) is None
        assert not flow.request.trailers


@pytest.mark.parametrize("with_client_certificate", [False, True])
def test_a_certificate_is_asked_for_besides(
    runtime: FakeRuntime, with_client_certificate: bool
) -> None:
    tls = ServerTls.model_validate({"cert": "x", "client-ca": "y"})
    object.__setattr__(runtime.snapshot.config, "tls", tls)
    for flow in (connect(SERVED), client_flow(runtime, "/x", to=SERVED)):
        if with_client_certificate:
            runtime.listeners.certified.add(flow.client_conn.id)
        headers = {"proxy-authorization": KEY}
        assert decide(runtime, flow, ELSEWHERE, headers=headers) == (
            None if with_client_certificate else 403
        )
        assert runtime.reach.may_forward(flow) is with_client_certificate


@pytest.mark.parametrize(
    ("user", "password", "peer", "valid", "holds"),
    [
        ("any", "router-key-1", ELSEWHERE, True, True),
        ("router-key-1", "", ELSEWHERE, True, True),
        ("any", "router-key-2", ELSEWHERE, False, False),
        ("", "", ELSEWHERE, False, False),
        ("any", "router-key-2", HERE, True, False),
        ("any", "router-key-1", HERE, True, True),
    ],
)
def test_who_socks_lets_in(runtime, user, password, peer, valid, holds) -> None:
    client = tflow.tclient_conn()
    client.peername = (peer, 50000)
    data = Socks5AuthData(client, user, password)
    with taddons.context() as running:
        running.options.add_option("proxyauth", str, "", "")
        waits = addon_of(runtime, Gate).socks5_auth(data)
        assert (waits is not None) is not valid
        if waits is not None:
            waits.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert data.valid is valid
    assert (runtime.clients.holder_of(client.id) is not None) is holds


@pytest.mark.parametrize(
    ("peer", "to", "enters", "unread"),
    [
        (HERE, OTHER, True, True),
        (HERE, (OURSELVES, PORT), True, False),
        (ELSEWHERE, SERVED, True, False),
        (ELSEWHERE, ("198.51.100.6", 443), True, False),
        (ELSEWHERE, ("198.51.100.6", 22), False, False),
        (ELSEWHERE, OTHER, False, False),
    ],
)
def test_connections_of_a_client_that_showed_its_key(runtime, peer, to, enters, unread) -> None:
    client = tflow.tclient_conn()
    client.peername = (peer, 50000)
    client.proxy_mode = mode_specs.ProxyMode.parse("socks5")
    runtime.clients.admit_connection(client.id, runtime.snapshot.config.clients.api_keys[0])
    with taddons.context() as running:
        context = Context(client, running.options)
    context.server.address = to
    assert runtime.reach.may_enter(context) is enters
    assert runtime.reach.may_go_unread(context) is unread
    runtime.clients.disconnected(client.id)
    assert runtime.reach.may_enter(context) is (peer == HERE)


@pytest.mark.parametrize(
    ("mode", "peer", "goes"),
    [
        ("transparent", ELSEWHERE, False),
        ("wireguard", "10.0.0.1", False),
        ("transparent", HERE, True),
        ("local:claude", "10.0.0.5", True),
        ("socks5", HERE, True),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::ffff:127.0.0.1"])
def test_captured_clients_are_not_taken_into_this_machine(runtime, mode, peer, goes, host) -> None:
    client = tflow.tclient_conn()
    client.peername = (peer, 50000)
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    with taddons.context() as running:
        context = Context(client, running.options)
    for port in (22, 443):
        context.server.address = (host, port)
        assert runtime.reach.may_enter(context) is goes
        assert runtime.reach.may_go_unread(context) is goes
        flow = client_flow(runtime, "/x", to=(host, port))
        assert decide(runtime, flow, peer, mode) == (None if goes else 403)
