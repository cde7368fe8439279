import base64
from textwrap import dedent

import pytest
from mitmproxy.proxy import mode_specs

from switchyard.clients.key_format import issue_key
from switchyard.config.load import parse_config
from switchyard.config.schema import ServerTls
from switchyard.pipeline import build
from switchyard.pipeline.access import Access
from switchyard.pipeline.forwarding import Forwarding
from switchyard.values.globs import Globs
from tests.support.runtime import CONFIG
from tests.support.runtime import FILE
from tests.support.runtime import FORMATS
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import shown

KEY = "router-key-1"
KEYED = CONFIG + "    clients: {api-keys: [router-key-1, {key: router-key-2, name: two}]}\n"


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


WORD = {
    "openai-chat": "authentication_error",
    "anthropic": "authentication_error",
    "openai-responses": "authentication_error",
    "gemini": "UNAUTHENTICATED",
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer   {KEY}  "},
        {"x-api-key": KEY},
        {"X-Goog-Api-Key": KEY},
        {"x-api-key": "router-key-2"},
        {"api-key": KEY},
        {"authorization": basic(f"any:{KEY}")},
        {"authorization": basic(f"{KEY}:")},
        # Beside a login of the client's own, or one key too many.
        {"authorization": "Bearer own-login-of-the-tool", "x-api-key": KEY},
        {"authorization": f"Bearer {KEY}", "x-api-key": "another"},
        {"x-api-key": "another", "x-goog-api-key": "one-more", "api-key": KEY},
        {"authorization": basic("some:body"), "api-key": KEY},
    ],
)
def test_a_key_in_any_header_admits(format: str, headers: dict[str, str]) -> None:
    runtime = make_runtime(KEYED)
    flow = call_flow(runtime, format, headers=headers)
    addon_of(runtime, Access).request(flow)
    assert flow.response is None


def test_a_key_in_the_query_admits() -> None:
    runtime = make_runtime(KEYED)
    flow = client_flow(runtime, f"/v1beta/models/g:generateContent?alt=sse&key={KEY}", {})
    addon_of(runtime, Access).request(flow)
    assert flow.response is None


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong-key-1"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY[:-1]}"},
        {"authorization": f"Bearer {KEY.upper()}"},
        {"x-api-key": "\udcff\udcfe"},
        {"authorization": "Bearer wrong-1", "x-api-key": "wrong-2", "api-key": "wrong-3"},
        {"authorization": basic("any:wrong")},
        [("x-api-key", KEY), ("x-api-key", KEY)],
        [("authorization", f"Bearer {KEY}"), ("authorization", "Bearer wrong")],
    ],
)
def test_a_wrong_key_is_refused(format: str, headers) -> None:
    runtime = make_runtime(KEYED)
    flow = call_flow(runtime, format, headers=headers)
    addon_of(runtime, Access).request(flow)
    type, message = error_of(flow.response, format, 401)
    assert type == WORD[format]
    assert message == ("The key is not a client key of this router. Send one of clients.api-keys.")
    assert flow.response is not None
    assert flow.response.headers["www-authenticate"] == "Bearer"
    assert KEY not in shown(flow.response)


ISSUED = issue_key()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("wrong-key", "The key is not a client key of this router."),
        ("sk-swy-0123456789-abc", "The key is mistyped: its checksum is wrong."),
        ("sk-swy-issued", "is not, or no longer, a client key of this router. Ask ops@acme."),
        ("", "The router needs a client key."),
    ],
)
def test_what_is_wrong_with_a_key_and_whom_to_ask(key: str, said: str) -> None:
    runtime = make_runtime(KEYED.replace("clients: {", "clients: {contact: ops@acme, "))
    given = ISSUED.text if key == "sk-swy-issued" else key
    flow = call_flow(runtime, "openai-chat", headers={"x-api-key": given})
    addon_of(runtime, Access).request(flow)
    _type, message = error_of(flow.response, "openai-chat", 401)
    assert said in message and message.endswith(" Ask ops@acme.")
    assert (repr(ISSUED.id) in message) is (given == ISSUED.text)
    assert ISSUED.text not in shown(flow.response)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"x-api-key": ""},
        {"cookie": f"key={KEY}"},
    ],
)
def test_no_key_at_all_is_refused_with_what_to_do(headers: dict[str, str]) -> None:
    runtime = make_runtime(KEYED)
    flow = call_flow(runtime, "anthropic", headers=headers)
    addon_of(runtime, Access).request(flow)
    type, message = error_of(flow.response, "anthropic", 401)
    assert type == "authentication_error"
    assert "'Authorization: Bearer KEY'" in message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", None),
        ("GET", "/v0/health/ready", None),
        ("GET", "/", None),
        ("HEAD", "/api/hello", None),
        ("GET", "/v1/models", 401),
        ("HEAD", "/v1/models", 401),
        ("GET", "/v1/models/m", 401),
        ("GET", "/v0/health/providers", 401),
        ("GET", "/nothing", 401),
        ("POST", "/health", 401),
        ("OPTIONS", "/v1/messages", 401),
    ],
)
def test_only_a_probe_needs_no_key(method: str, path: str, status: int | None) -> None:
    runtime = make_runtime(KEYED)
    flow = client_flow(runtime, path, method=method)
    addon_of(runtime, Access).request(flow)
    assert (flow.response.status_code if flow.response else None) == status


def test_without_client_keys_all_are_admitted() -> None:
    runtime = make_runtime()
    for headers in ({}, {"authorization": "Bearer anything"}):
        flow = call_flow(runtime, headers=headers)
        addon_of(runtime, Access).request(flow)
        assert flow.response is None


@pytest.mark.parametrize(
    ("to", "path", "status"),
    [
        (("claude.example", 443), "/v1/messages", 401),
        (("CLAUDE.example", 443), "/any/v1/messages", 401),
        (("claude.example", 443), "/v1/organizations", None),
        (("claude.example", 8443), "/v1/messages", None),
        (("other.example", 443), "/v1/messages", None),
    ],
)
def test_a_call_met_as_a_proxy_needs_a_key_where_it_is_routed(
    to: tuple[str, int], path: str, status: int | None
) -> None:
    runtime = make_runtime(KEYED)
    flow = client_flow(runtime, path, {}, to=to)
    addon_of(runtime, Access).request(flow)
    assert (flow.response.status_code if flow.response else None) == status


def test_flows_that_are_over_or_replayed_are_left_alone() -> None:
    runtime = make_runtime(KEYED)
    flow = call_flow(runtime)
    flow.live = False
    addon_of(runtime, Access).request(flow)
    assert flow.response is None


def test_who_called_is_known_until_the_flow_is_over() -> None:
    runtime = make_runtime(KEYED)
    flow = call_flow(runtime, headers={"x-api-key": "router-key-2"})
    addon_of(runtime, Access).request(flow)
    client = runtime.clients.client_of(flow)
    assert client is not None
    assert client.name == "two"
    runtime.clients.end(flow)
    assert runtime.clients.client_of(flow) is None


CERTIFIED = """
    providers: [{name: p, base-url: "https://p.example/v1", api-key: own-key-1}]
"""


@pytest.mark.parametrize(
    ("mode", "peer", "with_client_certificate", "admitted"),
    [
        ("regular", "127.0.0.1", False, True),
        ("regular", "203.0.113.9", False, False),
        ("regular", "203.0.113.9", True, True),
        ("reverse:https://p.example", "203.0.113.9", False, False),
        ("wireguard", "10.0.0.1", False, True),
        ("local:claude", "10.0.0.1", False, True),
    ],
)
def test_certificates_of_clients_on_other_machines(
    mode, peer, with_client_certificate, admitted
) -> None:
    runtime = make_runtime(CERTIFIED)
    tls = ServerTls.model_validate({"cert": "a", "client-ca": "b"})
    runtime.put(config=runtime.snapshot.config.model_copy(update={"tls": tls}))
    flow = call_flow(runtime, "openai-chat")
    flow.client_conn.peername = (peer, 5000)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    if with_client_certificate:
        runtime.listeners.certified.add(flow.client_conn.id)
    addon_of(runtime, Access).request(flow)
    assert (flow.response is None) is admitted
    if flow.response is not None:
        assert flow.response.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-the-tools-own"}])
@pytest.mark.parametrize(("mode", "admitted"), [("wireguard", True), ("transparent", False)])
def test_whom_its_way_in_makes_known_needs_no_key(headers, mode: str, admitted: bool) -> None:
    runtime = make_runtime(KEYED)
    flow = call_flow(runtime, "openai-chat", headers=headers)
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    addon_of(runtime, Access).request(flow)
    assert (flow.response is None) is admitted


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("config", [CONFIG, KEYED])
@pytest.mark.parametrize(
    ("origin", "of_another_site"),
    [
        ("https://evil.example", True),
        ("http://rebound.example:8787", True),
        ("null", True),
        ("http://[", True),
        ("http://localhost:3000", False),
        ("http://[::1]:3000", False),
        ("app://obsidian.md", False),
        ("vscode-webview://1a2b", False),
    ],
)
def test_pages_of_other_sites_need_a_key(
    format: str, config: str, origin: str, of_another_site: bool
) -> None:
    runtime = make_runtime(config)
    flow = call_flow(
        runtime, format, headers={"origin": origin, "x-api-key": KEY, "content-type": "text/plain"}
    )
    addon_of(runtime, Access).request(flow)
    if of_another_site and config is CONFIG:
        _, message = error_of(flow.response, format, 403)
        assert "api-keys" in message
    else:
        assert flow.response is None


def test_pages_talk_to_providers_through_the_proxy_as_ever() -> None:
    runtime = make_runtime()
    flow = client_flow(
        runtime, "/v1/x", {}, headers={"origin": "https://a.example"}, to=("b.example", 443)
    )
    addon_of(runtime, Access).request(flow)
    assert flow.response is None


def head_of(runtime, flow):
    """What becomes of a request by its head."""
    addon_of(runtime, Access).requestheaders(flow)
    return flow.response.status_code if flow.response else None


@pytest.mark.parametrize("format", FORMATS)
def test_the_head_decides(format: str) -> None:
    runtime = make_runtime(KEYED)
    for headers, status in (({}, 401), ({"x-api-key": "wrong"}, 401), ({"x-api-key": KEY}, None)):
        flow = call_flow(runtime, format, headers=headers)
        flow.request.data.content = None
        assert head_of(runtime, flow) == status
        refused = runtime.clients.take_refusal(flow)
        assert (refused is not None) is (status is not None)
        assert (runtime.clients.client_of(flow) is None) is (status is not None)


def test_access_comes_before_whoever_looks_at_requests() -> None:
    addons = build()
    names = [type(addon).__name__ for addon in addons]
    looking = [type(one).__name__ for one in addons if hasattr(one, "requestheaders")]
    assert looking[:3] == ["Peers", "CrossOrigin", "Access"]
    assert names.index("Access") < names.index("Tunnels") < names.index("Masking")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_refusal_of_head_has_no_body(method: str) -> None:
    runtime = make_runtime(KEYED)
    flow = client_flow(runtime, "/v1/models", method=method)
    assert head_of(runtime, flow) == 401 and flow.response
    assert bool(flow.response.raw_content) is (method == "GET")
    assert int(flow.response.headers["content-length"]) > 50


@pytest.mark.parametrize(
    ("clients", "status", "may"),
    [
        ("[router-key-1, router-key-2]", None, ["*"]),
        ("[{key: router-key-1, models: [few]}]", None, ["few"]),
        ("[router-key-2]", 401, None),
    ],
)
@pytest.mark.parametrize("when", ["body", "connection"])
def test_rights_are_those_of_the_configuration_in_force(
    clients: str, status: int | None, may: list[str] | None, when: str
) -> None:
    runtime = make_runtime(KEYED)
    access = addon_of(runtime, Access)
    if when == "body":
        flow = call_flow(runtime, headers={"x-api-key": KEY})
        access.requestheaders(flow)
        assert flow.response is None
    else:
        flow = call_flow(runtime)
        client = runtime.snapshot.config.clients.api_keys[0]
        runtime.clients.admit_connection(flow.client_conn.id, client)
    text = CONFIG + f"    clients: {{api-keys: {clients}}}\n"
    runtime.apply(parse_config(dedent(text).encode(), FILE, {}))
    if when == "connection":
        access.requestheaders(flow)
    access.request(flow)
    assert (flow.response.status_code if flow.response else None) == status
    if may is not None:
        client = runtime.clients.client_of(flow)
        assert client is not None and client.models == Globs(may)


def test_what_is_refused_is_not_passed_on_before_it_is() -> None:
    """A body for a host that is served, from another machine that has no certificate."""
    runtime = make_runtime(KEYED)
    tls = ServerTls.model_validate({"cert": "a", "client-ca": "b"})
    runtime.put(config=runtime.snapshot.config.model_copy(update={"tls": tls}))
    first = client_flow(runtime, "/v1/files", b"x", to=("claude.example", 443))
    first.client_conn.peername = ("203.0.113.9", 5000)
    client = runtime.snapshot.config.clients.api_keys[0]
    runtime.clients.admit_connection(first.client_conn.id, client)
    for _ in range(2):
        flow = client_flow(runtime, "/v1/files", b"x", to=("claude.example", 443))
        flow.client_conn = first.client_conn
        assert head_of(runtime, flow) == 403
        addon_of(runtime, Forwarding).requestheaders(flow)
        assert not flow.request.stream


def test_a_login_of_its_own_is_no_key_of_ours() -> None:
    """In a tunnel a key of the router's counts over that of the tunnel, and goes no further."""
    runtime = make_runtime(KEYED)
    for own, name, login in (("router-key-2", "two", False), ("sk-own-login", "", True)):
        flow = client_flow(
            runtime, "/v1/messages", {}, to=("claude.example", 443), headers={"x-api-key": own}
        )
        client = runtime.snapshot.config.clients.api_keys[0]
        runtime.clients.admit_connection(flow.client_conn.id, client)
        assert head_of(runtime, flow) is None
        admitted = runtime.clients.client_of(flow)
        assert admitted is not None and admitted.name == name
        assert runtime.clients.has_own_login(flow) is login


INTERCEPTING = """
    providers: [{name: p, base-url: "https://p.example/v1", api-key: own-key-1}]
    intercept:
      only.example: passthrough
      mixed.example: [passthrough, p/m]
"""


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("p.example", "https://evil.example", 403),
        ("p.example", "https://p.example", None),
        ("p.example", "https://p.example:8443", 403),
        ("p.example", "https://p.example.evil.example", 403),
        ("p.example", "https://www.p.example", 403),
        ("mixed.example", "https://evil.example", 403),
        ("only.example", "https://evil.example", None),
        ("other.example", "https://evil.example", None),
    ],
)
@pytest.mark.parametrize("mode", ["regular", "transparent", "wireguard"])
def test_pages_at_the_hosts_of_providers(
    host: str, origin: str, status: int | None, mode: str
) -> None:
    runtime = make_runtime(INTERCEPTING)
    flow = client_flow(
        runtime, "/v1/chat/completions", {}, to=(host, 443), headers={"origin": origin}
    )
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    assert head_of(runtime, flow) == status


def test_providers_do_not_say_which_pages_read_answers() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "anthropic")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    allowed = {"Access-Control-Allow-Origin": "*", "access-control-allow-credentials": "true"}
    pipeline.answer(attempt, {"type": "message", "content": []}, headers=allowed)
    assert attempt.receiver is not None
    assert "access-control" not in shown(attempt.receiver.head()).lower()


@pytest.mark.parametrize(
    ("origins", "origin", "admitted"),
    [
        ("[https://app.example]", "https://app.example", True),
        ("[https://app.example]", "https://evil.example", False),
        ("[https://app.example]", "null", False),
        ("['*']", "https://app.example", False),
        ("['*', https://app.example]", "https://app.example", True),
        ("['*']", "*", False),
    ],
)
def test_without_keys_only_pages_of_named_origins_call(
    origins: str, origin: str, admitted: bool
) -> None:
    runtime = make_runtime(CONFIG + f"    clients: {{origins: {origins}}}\n")
    headers = {"origin": origin, "sec-fetch-site": "cross-site"}
    flow = client_flow(runtime, "/v1/chat/completions", {}, headers=headers)
    addon_of(runtime, Access).request(flow)
    assert (flow.response is None) == admitted
