"""The management API on the real proxy: who gets in, what it shows, and how its events stream."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.router import Router
from tests.support.signals import wait_until

KEY = "manage-me-7f3a"
VIEWER = "sk-viewer-9c1d"
CLIENT = "sk-client-52ab"
BASE = "/v0/management"


def config(folder: Path, **members: Any) -> dict[str, Any]:
    return {
        "providers": [{"name": "demo", "builtin": "demo", "models": ["echo"]}],
        "usage": {"dir": str(folder / "usage")},
        **members,
    }


def keyed(folder: Path) -> dict[str, Any]:
    keys = [{"key": VIEWER, "name": "eve", "role": "viewer"}, {"key": CLIENT, "name": "joe"}]
    return config(folder, management={"key": KEY}, clients={"api-keys": keys})


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("keyed")
    with Router(folder, keyed(folder)) as router:
        yield router


@pytest.fixture
def client(router: Router) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=router.url, timeout=60, trust_env=False) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def ask_model(client: httpx2.Client, text: str) -> httpx2.Response:
    body = {"model": "echo", "messages": [{"role": "user", "content": text}]}
    answer = client.post("/v1/chat/completions", json=body, headers=bearer(CLIENT))
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer("wrong"), 401),
        (bearer(CLIENT), 403),
        (bearer(VIEWER), 200),
        (bearer(KEY), 200),
        ({"x-management-key": KEY}, 200),
        ({**bearer(KEY), "host": "evil.example"}, 403),
        ({**bearer(KEY), "origin": "https://evil.example"}, 403),
        ({**bearer(KEY), "x-forwarded-for": "192.0.2.1"}, 403),
    ],
)
def test_who_gets_in(client: httpx2.Client, headers: dict[str, str], status: int) -> None:
    answer = client.get(f"{BASE}/health", headers=headers)
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_a_request_becomes_events_a_record_and_usage(client: httpx2.Client) -> None:
    with client.stream("GET", f"{BASE}/events", headers=bearer(VIEWER)) as stream:
        events = read_events(stream)
        kind, snapshot = next(events)
        assert kind == "snapshot"
        assert {"running", "health", "quota"} <= snapshot.keys()
        with httpx2.Client(base_url=str(client.base_url), timeout=60, trust_env=False) as other:
            id = ask_model(other, "hello").headers["x-switchyard-request"]
        ended = next(data for kind, data in events if kind == "ended")
    assert ended["id"] == id
    assert ended["route"] == ["demo ok"]
    assert ended["client_key"] == "joe"
    record = wait_for_record(client, id)
    assert record["model"] == "echo"
    usage = client.get(f"{BASE}/usage", headers=bearer(KEY)).json()["usage"]
    assert usage["apis"]["joe"]["models"]["echo"]["total_requests"] >= 1
    path = f"{BASE}/usage?by=client_key,model&bucket=day"
    rows = client.get(path, headers=bearer(KEY)).json()["rows"]
    assert {(row["client_key"], row["model"]) for row in rows} == {("joe", "echo")}
    lines = client.get(f"{BASE}/records?format=jsonl", headers=bearer(KEY)).text.splitlines()
    assert id in [json.loads(line)["id"] for line in lines]
    table = client.get(f"{BASE}/records?format=csv", headers=bearer(KEY)).text
    assert id in table


def read_events(stream: httpx2.Response) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in stream.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def wait_for_record(client: httpx2.Client, id: str) -> dict[str, Any]:
    """The record, once the ledger's thread has written it."""
    path = f"{BASE}/records/{id}"
    wait_until(lambda: client.get(path, headers=bearer(KEY)).status_code == 200)
    return client.get(path, headers=bearer(KEY)).json()


def test_a_browsers_session(client: httpx2.Client, router: Router) -> None:
    own = {"origin": router.url, "sec-fetch-site": "same-origin"}
    assert client.post(f"{BASE}/session", headers=own).status_code == 401
    begun = client.post(f"{BASE}/session", headers={**own, **bearer(KEY)})
    assert begun.status_code == 200
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Max-Age=43200" in cookie
    assert client.get(f"{BASE}/health").status_code == 200
    assert client.get(f"{BASE}/session").json()["role"] == "admin"
    assert client.delete(f"{BASE}/session", headers=own).status_code == 403
    csrf = {"x-csrf-token": begun.json()["csrf"]}
    assert client.delete(f"{BASE}/session", headers={**own, **csrf}).status_code == 200
    assert client.get(f"{BASE}/health").status_code == 401


def test_the_dashboards_files_come_with_a_strict_policy(client: httpx2.Client) -> None:
    answer = client.get("/dashboard", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert client.get("/dashboard/nothing.js").status_code == 404
    assert client.get("/dashboard/..%2f..%2fguard.py").status_code == 404


def test_the_description_names_every_route(client: httpx2.Client) -> None:
    told = client.get(f"{BASE}/openapi.json", headers=bearer(VIEWER)).json()
    assert told["openapi"].startswith("3.1")
    assert f"{BASE}/usage" in told["paths"]


def test_the_key_is_in_no_log(router: Router, client: httpx2.Client) -> None:
    client.get(f"{BASE}/health", headers=bearer(KEY))
    assert KEY not in router.log


def test_without_keys_this_machines_own_page_works_at_once(tmp_path: Path) -> None:
    with Router(tmp_path, config(tmp_path)) as router:
        with httpx2.Client(base_url=router.url, timeout=60, trust_env=False) as client:
            assert client.get(f"{BASE}/health").status_code == 401
            assert client.get("/dashboard/").status_code == 200
            assert client.get(f"{BASE}/session").json()["needs_key"] is False
            assert client.post(f"{BASE}/session").status_code == 401
            own = {"origin": router.url, "sec-fetch-site": "same-origin"}
            assert client.post(f"{BASE}/session", headers=own).status_code == 200
            assert client.get(f"{BASE}/health").status_code == 200


def test_with_client_keys_alone_there_is_no_api(tmp_path: Path) -> None:
    keys = {"api-keys": [CLIENT]}
    with Router(tmp_path, config(tmp_path, clients=keys)) as router:
        with httpx2.Client(base_url=router.url, timeout=60, trust_env=False) as client:
            for path in (f"{BASE}/health", f"{BASE}/session", "/dashboard/"):
                assert client.get(path, headers=bearer(CLIENT)).status_code == 404


FILE = """\
# mine
providers:
  # built in
  - {{name: demo, builtin: demo, models: [echo]}}  # no key
  - name: chat
    base-url: http://127.0.0.1:9/v1
    api-key: sk-up-1234567890abcd  # secret
    models: [m]
management: {{key: {key}}}
usage: {{dir: {folder}/usage}}
"""


def test_the_configuration_is_changed_in_place(tmp_path: Path) -> None:
    text = FILE.format(key=KEY, folder=tmp_path)
    with Router(tmp_path, text) as router:
        base = f"{router.url}{BASE}"
        with httpx2.Client(base_url=base, timeout=60, trust_env=False, headers=bearer(KEY)) as c:
            read = c.get("/config")
            values, etag = read.json(), {"if-match": read.headers["etag"]}
            assert values["providers"][1]["api-key"] == "sk-...abcd"
            assert c.put("/config", json=values).status_code == 428
            same = c.put("/config", json=values, headers=etag)
            assert same.status_code == 200 and not same.json()["changed"]
            values["aliases"] = {"fast": "demo/echo"}
            dry = c.put("/config?dry-run=1", json=values, headers=etag)
            assert "+  fast: demo/echo" in dry.json()["diff"]
            assert router.config_path.read_text() == text
            assert c.put("/config", json=values, headers=etag).status_code == 200
            names = [one["id"] for one in c.get("/models").json()["models"]]
            assert "fast" in names, "it is in force when the answer comes"
            assert router.config_path.read_text() == f"{text}\naliases:\n  fast: demo/echo\n"
            assert c.put("/config", json=values, headers=etag).status_code == 412
            several = {"if-match": f'"other", W/{c.get("/config").headers["etag"]}'}
            assert c.put("/config?dry-run=1", json=values, headers=several).status_code == 200
            bad = c.patch("/config", json={"retry": {"x": 1}, "y": 2}, headers={"if-match": "*"})
            assert bad.status_code == 422
            assert {one["key"] for one in bad.json()["problems"]} == {"retry.x", "y"}
            seen = c.get("/config.yaml")
            assert "sk-up-1234567890abcd" not in seen.text and KEY not in seen.text
            put = c.put(
                "/config.yaml",
                content=seen.text.replace("[m]", "[m, n]"),
                headers={"if-match": seen.headers["etag"]},
            )
            assert put.status_code == 200
            assert "sk-up-1234567890abcd" in router.config_path.read_text()
            oldest = c.get("/versions").json()["versions"][-1]["id"]
            path = f"/versions/{oldest}/restore"
            assert c.post(path, headers={"if-match": "*"}).status_code == 200
            assert router.config_path.read_text() == text
        assert "sk-up-1234567890abcd" not in router.log


@pytest.mark.parametrize("broken", ["providers: [", "a: &a [*a]"])
def test_files_that_an_editor_broke_are_told_and_mended(tmp_path: Path, broken: str) -> None:
    text = FILE.format(key=KEY, folder=tmp_path) + "clients: {keys-file: keys.yaml}\n"
    with (
        Router(tmp_path, text) as router,
        httpx2.Client(
            base_url=f"{router.url}{BASE}", timeout=60, trust_env=False, headers=bearer(KEY)
        ) as c,
    ):
        router.config_path.write_text(broken)
        for path in ("/config", "/providers", "/openai-compatibility", "/api-keys", "/proxy-url"):
            told = c.get(path)
            assert told.status_code == 503, (path, told.text)
            assert "not valid YAML" in told.json()["detail"]
        seen = c.get("/config.yaml")
        mended = c.put("/config.yaml", content=text, headers={"if-match": seen.headers["etag"]})
        assert mended.status_code == 200, mended.text
        assert router.config_path.read_text() == text
        router.config_path.with_name("keys.yaml").write_text("api-keys: 5\n")
        told = c.get("/keys")
        assert (told.status_code, told.json()["problems"][0]["key"]) == (503, "api-keys")


def test_an_edit_meanwhile_is_not_lost(tmp_path: Path) -> None:
    text = FILE.format(key=KEY, folder=tmp_path)
    with Router(tmp_path, text) as router:
        base = f"{router.url}{BASE}"
        with httpx2.Client(base_url=base, timeout=60, trust_env=False, headers=bearer(KEY)) as c:
            etag = c.get("/aliases").headers["etag"]
            router.config_path.write_text(f"{text}# by hand\n")
            answer = c.put("/aliases", json={"x": "demo/echo"}, headers={"if-match": etag})
            assert answer.status_code == 412
            assert router.config_path.read_text() == f"{text}# by hand\n"


def test_a_change_is_told_whoever_made_it(tmp_path: Path) -> None:
    text = FILE.format(key=KEY, folder=tmp_path)
    with Router(tmp_path, text) as router:
        base = f"{router.url}{BASE}"
        with httpx2.Client(base_url=base, timeout=60, trust_env=False, headers=bearer(KEY)) as c:
            with c.stream("GET", "/events") as stream:
                events = read_events(stream)
                named = [next(events)[1]["config"]["etag"]]
                router.config_path.write_text(f"{text}# by hand\n")
                named.append(next(data["etag"] for kind, data in events if kind == "config"))
                edits = c.get("/audit").json()["rows"]
                match = {"if-match": f'"{named[1]}"'}
                assert c.put("/aliases", json={"x": "demo/echo"}, headers=match).status_code == 200
                named.append(next(data["etag"] for kind, data in events if kind == "config"))
            assert len(set(named)) == 3
            assert c.get("/config").headers["etag"] == f'"{named[2]}"'
            assert [row["action"] for row in edits] == ["edit"], "the audit has it by then"


def test_a_viewer_changes_nothing(client: httpx2.Client) -> None:
    match = {"if-match": "*"}
    for method, path in (("PUT", "/config"), ("PUT", "/aliases"), ("DELETE", "/aliases/x")):
        headers = {**bearer(VIEWER), **match}
        answer = client.request(method, f"{BASE}{path}", json={}, headers=headers)
        assert answer.status_code == 403


def test_tools_are_shown_how_to_reach_this_router(router: Router, client: httpx2.Client) -> None:
    answer = client.get(f"{BASE}/tools", params={"model": "echo"}, headers=bearer(VIEWER)).json()
    assert answer["base_url"] == router.url
    assert answer["key"] == "YOUR-CLIENT-KEY"
    claude = answer["tools"][0]
    assert claude["title"] == "Claude Code"
    assert f"export ANTHROPIC_BASE_URL={router.url}" in claude["lines"]
    assert claude["run"].endswith(f"--router {router.url} --model echo claude")
