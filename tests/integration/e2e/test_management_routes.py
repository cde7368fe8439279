"""Every route of the management API, asked by every kind of caller."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
import trustme

from tests.support.ports import free_port
from tests.support.router import Router

KEY = "manage-me-7f3a"
VIEWER = "sk-viewer-9c1d"
CLIENT = "sk-client-52ab"
BASE = "/v0/management"
ID = "01a22613-2c0a-7321-9530-1f139bc6723e"

SETTINGS = [
    *("debug", "logging-to-file", "usage-statistics-enabled", "request-retry", "request-log"),
    *("quota-exceeded/switch-project", "quota-exceeded/switch-preview-model", "ws-auth"),
    *("max-retry-interval", "proxy-url"),
]
LISTS = [
    *("api-keys", "generative-language-api-key", "gemini-api-key", "codex-api-key"),
    *("claude-api-key", "openai-compatibility", "oauth-excluded-models"),
]
"""CLIProxyAPI's resources, which have the same methods each."""

READS = [
    *("/audit", "/config", "/config.yaml", "/health", "/logs", "/models"),
    *(f"/{name}" for name in (*SETTINGS, *LISTS)),
    *("/openapi.json", "/quota", "/records", f"/records/{ID}", "/running", "/sessions", "/usage"),
    *("/tools", "/keys", "/presets", "/metrics", f"/records/{ID}/price", "/blocks", "/caches"),
    *("/webhooks", "/accounts", "/certificate", "/latest-version", "/usage-queue", "/usage/export"),
    *("/api-key-usage", "/auth-files", "/auth-files/download", "/request-error-logs"),
    "/request-error-logs/error-2024-05-20.log",
    *("/versions", "/versions/0000000000000-0000000000000000", "/events"),
    "/aliases/x/y",
    *("/providers", "/combos", "/aliases", "/routes", "/clients", "/payload", "/intercept"),
]
WRITES = [
    *(("PUT", "/config"), ("PATCH", "/config"), ("PUT", "/config.yaml"), ("POST", "/test")),
    *(("PUT", "/aliases"), ("PATCH", "/aliases"), ("POST", "/cooldowns/reset")),
    *(("PUT", "/aliases/x/y"), ("DELETE", "/aliases/x/y"), ("POST", "/reload")),
    ("POST", "/webhooks/test"),
    *(("DELETE", "/logs"), ("POST", "/versions/0000000000000-0000000000000000/restore")),
    *((method, f"/{name}") for name in (*SETTINGS, *LISTS) for method in ("PUT", "PATCH")),
    *(("DELETE", f"/{name}") for name in ("proxy-url", *LISTS)),
    *(("POST", "/auth-files"), ("DELETE", "/auth-files"), ("POST", "/vertex/import")),
    *(("POST", "/usage/import"), ("GET", "/codex-auth-url"), ("GET", "/get-auth-status")),
    *(("POST", "/presets/add"), ("POST", "/keys"), ("POST", "/keys/x/rotate")),
    *(("POST", "/keys/x/block"), ("POST", "/keys/x/unblock")),
    *(("PATCH", "/keys/x"), ("DELETE", "/keys/x")),
    *(("GET", f"/records/{ID}/exchange"), ("GET", f"/records/{ID}/exchange/client-request")),
    *(("GET", "/import"), ("POST", "/import"), ("POST", "/logins"), ("GET", "/logins/x")),
    *(("POST", "/logins/x/paste"), ("DELETE", "/logins/x"), ("DELETE", "/accounts/x")),
]
"""Routes for admins alone. What was said in a request is among them."""
ASKING = [("POST", "/explain")]
"""Routes that a viewer may call although they are no GET."""
OPEN = [("GET", "/session"), ("POST", "/session"), ("DELETE", "/session")]
"""Routes with which callers without a session begin."""
ALL = [*(("GET", path) for path in READS), *WRITES, *ASKING]


PAGES = {
    "/dashboard": 308,
    "/dashboard/": 200,
    "/dashboard/index.html": 200,
    "/dashboard/nothing.js": 404,
}
ODD_PAGE = "/dashboard/..%2Fv0/management/config"
"""The page's files, which hold no secret: what a browser without a key gets."""


def template(method: str, path: str) -> tuple[str, str]:
    """A route as the description names it."""
    sections = ("providers", "combos", "aliases", "routes", "clients", "payload", "intercept")
    first, _, rest = path.removeprefix("/").partition("/")
    if first in sections:
        path = "/{section}/{name}" if rest else "/{section}"
    elif first == "keys" and rest:
        path = path.replace("/x", "/{who}")
    elif path.endswith("-auth-url"):
        path = "/{name}-auth-url"
    elif first == "request-error-logs" and rest:
        path = f"/{first}/{{name}}"
    elif first == "accounts" and rest:
        path = path.replace("/x", "/{ref}")
    elif first == "logins" and rest:
        path = path.replace("/x", "/{id}")
    elif first in ("records", "versions") and rest:
        path = f"/{first}/{{id}}{rest.partition('/')[1]}{rest.partition('/')[2]}"
        path = path.replace("client-request", "{name}")
    return method, at(path)


def at(path: str) -> str:
    """Where a route is; scrapers expect metrics without a prefix."""
    return path if path == "/metrics" else f"{BASE}{path}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Of the router's own certificate, which HTTP/2 needs."""
    return trustme.CA()


@pytest.fixture(scope="module")
def router(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("routes")
    keys = [{"key": VIEWER, "name": "eve", "role": "viewer"}, {"key": CLIENT, "name": "joe"}]
    config = {
        "providers": [{"name": "demo", "builtin": "demo", "models": ["echo"]}],
        "usage": {"dir": str(folder / "usage")},
        "management": {"key": KEY},
        "clients": {"api-keys": keys},
        "tls": {"cert": str(folder / "router.pem")},
    }
    issued, other = authority.issue_cert("localhost"), free_port()
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "router.pem"))
    modes = ("--mode", "regular", "--mode", f"reverse:https://x.example@{other}")
    with Router(folder, config, *modes) as router:
        router.other_port = other  # pyright: ignore[reportAttributeAccessIssue]
        yield router


def ask(router: Router, method: str, path: str, headers: dict[str, str]) -> int:
    with httpx2.Client(base_url=router.url, timeout=120, trust_env=False) as client:
        with client.stream(method, at(path), headers=headers) as answer:
            return answer.status_code


def statuses(router: Router, headers: dict[str, str], asked: Any = ALL) -> dict[Any, int]:
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda one: ask(router, one[0], one[1], headers), asked)
        return dict(zip(asked, found, strict=True))


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_the_table_has_every_route(router: Router) -> None:
    with httpx2.Client(base_url=router.url, timeout=60, trust_env=False) as client:
        told = client.get(f"{BASE}/openapi.json", headers=bearer(KEY)).json()
    there = {
        (method.upper(), path) for path, methods in told["paths"].items() for method in methods
    }
    assert {template(*one) for one in [*ALL, *OPEN]} == there


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer("wrong"), 401),
        (bearer(CLIENT), 403),
        ({**bearer(KEY), "origin": "https://evil.example"}, 403),
        ({**bearer(KEY), "origin": "null"}, 403),
        ({**bearer(KEY), "host": "evil.example"}, 403),
        ({**bearer(KEY), "sec-fetch-site": "cross-site"}, 403),
        ({**bearer(KEY), "x-forwarded-for": "192.0.2.1"}, 403),
    ],
    ids=["no key", "wrong key", "client key", "origin", "null", "host", "cross-site", "forwarded"],
)
def test_who_is_refused_everywhere(router: Router, headers: dict[str, str], status: int) -> None:
    asked = ALL[::5] if headers.get("authorization") == "Bearer wrong" else ALL
    assert {
        one: found for one, found in statuses(router, headers, asked).items() if found != status
    } == {}


def test_a_viewer_reads(router: Router) -> None:
    found = statuses(router, {**bearer(VIEWER), "if-match": "*"})
    assert {one for one in WRITES if found[one] != 403} == set()
    reads = [*(("GET", path) for path in READS), *ASKING]
    assert {one: found[one] for one in reads if found[one] not in (200, 404, 422)} == {}


def test_an_admin_gets_an_answer_everywhere(router: Router) -> None:
    found = statuses(router, {**bearer(KEY), "if-match": "*"})
    assert {one: s for one, s in found.items() if s in (401, 403) or s >= 500} == {}


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("GET {b}/health HTTP/1.1\r\nHost: x/#@y\r\nAuthorization: Bearer {k}", (400, 403)),
        ("GET {b}/health HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {k}", (200,)),
        ("GET {b}/health HTTP/1.0\r\nHost: localhost", (401,)),
        ("GET {b}/health HTTP/1.0\r\nAuthorization: Bearer {k}", (400,)),
        ("GET {b}%2Fhealth HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {k}", (401, 404)),
        ("GET {b}/..%2Fhealth HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {k}", (404,)),
        ("GET {b}/../management/health HTTP/1.1\r\nHost: localhost", (404,)),
        ("GET //v0/management/health HTTP/1.1\r\nHost: localhost", (401, 404)),
        ("GET /V0/Management/health HTTP/1.1\r\nHost: localhost", (401, 404)),
    ],
)
def test_what_clients_can_write(router: Router, lines: str, status: tuple[int, ...]) -> None:
    head = lines.format(b=BASE, k=KEY)
    with socket.create_connection(("127.0.0.1", router.port), 60) as connection:
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").readline()
    assert int(answer.split()[1]) in status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer(CLIENT), 403),
        ({**bearer(KEY), "host": "evil.example"}, 403),
        ({**bearer(KEY), "origin": "https://evil.example"}, 403),
        ({**bearer(KEY), "host": "x/#@y"}, 400),
        ({**bearer(KEY), "host": "x/#@localhost"}, 400),
    ],
    ids=["no key", "client key", "host", "origin", "host with a fragment", "host with a user"],
)
async def test_http2_is_guarded_alike(
    router: Router, authority: trustme.CA, headers: dict[str, str], status: int
) -> None:
    async with over_http2(router, authority) as client:
        asked = (client.request(method, f"{BASE}{path}", headers=headers) for method, path in ALL)
        found = dict(zip(ALL, await asyncio.gather(*asked), strict=True))
    assert {one: a.status_code for one, a in found.items() if a.status_code != status} == {}
    assert {answer.http_version for answer in found.values()} == {"HTTP/2"}


async def test_an_admin_gets_answers_by_http2(router: Router, authority: trustme.CA) -> None:
    async with over_http2(router, authority) as client:
        for path in ("/config", "/health", "/aliases", "/openapi.json"):
            answer = await client.get(f"{BASE}{path}", headers=bearer(KEY))
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2"), path
        for path, status in PAGES.items():
            assert (await client.get(path)).status_code == status, path
        assert (await client.get(ODD_PAGE, headers=bearer(KEY))).status_code == 404


def over_http2(router: Router, authority: trustme.CA) -> httpx2.AsyncClient:
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    return httpx2.AsyncClient(
        http2=True,
        verify=trust,
        base_url=f"https://localhost:{router.other_port}",  # pyright: ignore[reportAttributeAccessIssue]
        timeout=120,
        trust_env=False,
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, None),
        (bearer(KEY), None),
        (bearer(VIEWER), None),
        (bearer(CLIENT), 403),
        ({"origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"x-forwarded-for": "192.0.2.1"}, 403),
    ],
)
def test_who_gets_the_page(router: Router, headers: dict[str, str], status: int | None) -> None:
    with httpx2.Client(base_url=router.url, timeout=120, trust_env=False) as client:
        for path, usual in PAGES.items():
            assert client.get(path, headers=headers).status_code == (status or usual), path
        assert client.get(ODD_PAGE, headers=headers).status_code == 404
        assert client.post("/dashboard/", headers=headers).status_code == (status or 405)
