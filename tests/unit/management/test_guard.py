"""Which requests reach the management API, by address, host, origin and key."""

import hashlib
from datetime import UTC
from datetime import datetime

import pytest
from mitmproxy import http

from switchyard.exchange.client_head import ClientHead
from switchyard.management.caller import Caller
from switchyard.management.guard import ManagementGuard
from switchyard.management.guard import holder_in_force
from switchyard.management.guard import is_on
from switchyard.management.refusals import Barred
from tests.support.runtime import FakeRuntime
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

PROVIDERS = "providers: [{name: chat, base-url: 'https://chat.example/v1', api-key: up-1}]\n"
KEYED = f"{PROVIDERS}management: {{key: manage-me-1}}\n"
CLIENTS = (
    f"{PROVIDERS}clients: {{api-keys: [{{key: look-1, name: eve, role: viewer}},"
    " {key: rule-1, role: admin}, {key: plain-1},"
    " {key: gone-1, role: admin, expires: 2020-01-01},"
    " {key: shut-1, role: admin, blocked: true},"
    " {key: far-1, role: admin, addresses: [10.9.0.0/16]}]}\n"
)
HERE = "127.0.0.1:8787"


def asking(
    runtime: FakeRuntime,
    path: str = "/v0/management/health",
    peer: str = "127.0.0.1",
    host: str = HERE,
    **headers: str,
) -> http.HTTPFlow:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    flow = client_flow(runtime, path, method="GET", headers=named)
    flow.request.headers["host"] = host
    flow.client_conn.peername = (peer, 4711)
    return flow


def admitted(runtime: FakeRuntime, flow: http.HTTPFlow) -> Caller:
    guard = ManagementGuard(runtime.snapshots, runtime.clients)
    return guard.admit(flow, ClientHead(flow.request.headers, flow.request.path))


def status(runtime: FakeRuntime, flow: http.HTTPFlow) -> int:
    with pytest.raises(Barred) as caught:
        admitted(runtime, flow)
    return caught.value.status


@pytest.mark.parametrize("name", ["authorization", "x-management-key"])
def test_the_key_makes_an_admin(name: str) -> None:
    runtime = make_runtime(KEYED)
    value = "Bearer manage-me-1" if name == "authorization" else "manage-me-1"
    caller = admitted(runtime, asking(runtime, **{name.replace("-", "_"): value}))
    assert (caller.role, caller.who) == ("admin", "management")
    assert "manage-me-1" not in repr(caller)


def test_a_hash_of_the_key_serves_as_well() -> None:
    digest = hashlib.sha256(b"manage-me-1").hexdigest()
    runtime = make_runtime(f"{PROVIDERS}management: {{key-hash: 'sha256:{digest}'}}\n")
    assert is_on(runtime.snapshot)
    assert admitted(runtime, asking(runtime, authorization="Bearer manage-me-1")).role == "admin"
    assert status(runtime, asking(runtime, authorization=f"Bearer sha256:{digest}")) == 401


def test_the_environment_may_have_the_key() -> None:
    runtime = make_runtime(PROVIDERS, MANAGEMENT_PASSWORD="from-outside-1")
    assert admitted(runtime, asking(runtime, x_management_key="from-outside-1")).role == "admin"


@pytest.mark.parametrize(
    ("key", "role"), [("look-1", "viewer"), ("rule-1", "admin"), ("far-1", "admin")]
)
def test_client_keys_with_a_role(key: str, role: str) -> None:
    runtime = make_runtime(CLIENTS + "management: {allow-remote: true}\n")
    peer = "10.9.1.2" if key == "far-1" else "127.0.0.1"
    assert admitted(runtime, asking(runtime, peer=peer, x_management_key=key)).role == role


@pytest.mark.parametrize("key", ["plain-1", "gone-1", "shut-1", "far-1"])
def test_other_client_keys_are_refused(key: str) -> None:
    runtime = make_runtime(CLIENTS)
    assert status(runtime, asking(runtime, x_management_key=key)) == 403


def test_a_wrong_key_is_one() -> None:
    runtime = make_runtime(KEYED)
    with pytest.raises(Barred) as caught:
        admitted(runtime, asking(runtime, x_management_key="manage-me-2"))
    assert caught.value.status == 401
    assert caught.value.wrong_key


def test_without_a_key_there_may_be_a_session() -> None:
    runtime = make_runtime(KEYED)
    assert admitted(runtime, asking(runtime)).role is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"peer": "192.0.2.7"}, 403),
        ({"x_forwarded_for": "192.0.2.7"}, 403),
        ({"forwarded": "for=192.0.2.7"}, 403),
        ({"host": "evil.example:8787"}, 403),
        ({"host": "x/#@y"}, 403),
        ({"host": "127.0.0.1:8787@evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "http://127.0.0.1:8787/@evil"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 403),
        ({"path": "/v0/management/..%2fhealth"}, 404),
        ({"path": "/v0/management/%2e%2e/health"}, 404),
        ({"path": "/v0/management/../health"}, 404),
        ({"path": "/v0/management//health"}, 404),
        ({"path": "/v0/management/health;x=1"}, 404),
        ({"path": "/v0/management/heal%00th"}, 404),
        ({"path": "/v0/management\\health"}, 404),
        ({"path": "/v0/management/%252e"}, 404),
    ],
)
@pytest.mark.parametrize("key", ["manage-me-1", None])
def test_what_never_reaches_a_handler(told: dict[str, str], expected: int, key: str | None) -> None:
    runtime = make_runtime(KEYED)
    told = {**told, **({"x_management_key": key} if key else {})}
    assert status(runtime, asking(runtime, **told)) == expected


def test_other_machines_need_leave_and_a_key() -> None:
    runtime = make_runtime(f"{PROVIDERS}management: {{key: manage-me-1, allow-remote: true}}\n")
    flow = asking(runtime, peer="192.0.2.7", x_management_key="manage-me-1")
    assert admitted(runtime, flow).peer == "192.0.2.7"


def test_pages_of_the_router_itself() -> None:
    runtime = make_runtime(KEYED)
    own = {"origin": f"http://{HERE}", "sec_fetch_site": "same-origin"}
    assert admitted(runtime, asking(runtime, x_management_key="manage-me-1", **own)).role
    opened = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert admitted(runtime, asking(runtime, path="/dashboard/", **opened)).role is None


class TestWithoutAnyKey:
    def test_pages_on_this_machine_may_begin_a_session(self) -> None:
        runtime = make_runtime(PROVIDERS)
        caller = admitted(runtime, asking(runtime, origin=f"http://{HERE}"))
        assert caller.is_own_page
        assert caller.role is None

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            ({"peer": "192.0.2.7"}, 404),
            ({"via": "1.1 proxy"}, 404),
            ({"host": "evil.example:8787"}, 404),
            ({"origin": "https://evil.example"}, 403),
        ],
    )
    def test_for_all_others_there_is_no_such_page(
        self, told: dict[str, str], expected: int
    ) -> None:
        runtime = make_runtime(PROVIDERS)
        assert status(runtime, asking(runtime, **told)) == expected

    def test_client_keys_end_that(self) -> None:
        runtime = make_runtime(f"{PROVIDERS}clients: {{api-keys: [plain-1]}}\n")
        assert status(runtime, asking(runtime)) == 404


def test_a_session_ends_with_its_key() -> None:
    runtime = make_runtime(KEYED)
    holder = admitted(runtime, asking(runtime, x_management_key="manage-me-1")).holder
    assert holder_in_force(runtime.snapshot, holder) is not None
    assert holder_in_force(make_runtime(PROVIDERS).snapshot, holder) is None
    other = make_runtime(f"{PROVIDERS}management: {{key: manage-me-2}}\n")
    assert holder_in_force(other.snapshot, holder) is None


def test_a_session_has_the_present_role_of_its_key() -> None:
    runtime = make_runtime(CLIENTS)
    holder = admitted(runtime, asking(runtime, x_management_key="look-1")).holder
    found = holder_in_force(runtime.snapshot, holder)
    assert found is not None
    assert (found.role, found.who) == ("viewer", "eve")
    now_admin = make_runtime(CLIENTS.replace("role: viewer", "role: admin"))
    found = holder_in_force(now_admin.snapshot, holder)
    assert found is not None and found.role == "admin"
    now_client = make_runtime(CLIENTS.replace("role: viewer", "role: client"))
    assert holder_in_force(now_client.snapshot, holder) is None


def test_a_session_ends_when_its_key_expires() -> None:
    lasting = CLIENTS.replace("role: viewer", "role: viewer, expires: 2999-01-01T00:00:00Z")
    runtime = make_runtime(lasting)
    holder = admitted(runtime, asking(runtime, x_management_key="look-1")).holder
    found = holder_in_force(runtime.snapshot, holder)
    assert found is not None
    assert found.expires == datetime(2999, 1, 1, tzinfo=UTC).timestamp()
    over = make_runtime(lasting.replace("2999", "2020"))
    assert holder_in_force(over.snapshot, holder) is None


def test_a_page_loses_its_session_once_keys_are_asked_for() -> None:
    assert holder_in_force(make_runtime(PROVIDERS).snapshot, "page") is not None
    assert holder_in_force(make_runtime(KEYED).snapshot, "page") is None
    assert holder_in_force(make_runtime(CLIENTS).snapshot, "page") is None
