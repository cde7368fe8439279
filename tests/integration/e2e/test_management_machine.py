"""What the management API does with this machine: other routers' files, and logins to accounts."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.authority import Authority
from tests.support.router import Router
from tests.unit.importers.examples import CLAUDE_CODE_ROUTER

KEY = "manage-me-7f3a"
BASE = "/v0/management"
SECRET = "sk-or-hidden-one"


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    with Authority() as authority:
        begun = {"device_code": "d-1", "user_code": "ABCD-EFGH", "interval": 1,
                 "verification_uri": "https://p.example/device"}  # fmt: skip
        given = {"access_token": "tok-of-example", "refresh_token": "ref-1", "expires_in": 3600}
        authority.valid.add("tok-of-example")
        authority.paths |= {"/device": lambda _: (200, begun), "/token": lambda _: (200, given)}
        yield authority


@pytest.fixture(scope="module")
def router(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("machine")
    other = folder / ".claude-code-router" / "config.json"
    other.parent.mkdir()
    other.write_text(CLAUDE_CODE_ROUTER)
    steps = {name: {"url": f"{authority.url}/{name}"} for name in ("device", "token")}
    chat = {"name": "chat", "format": "openai-chat", "base-url": f"{authority.url}/v1"}
    config = {
        "providers": [{**chat, "api-key": {"oauth": "example"}, "models": ["m"]}],
        "accounts": {"example": {"title": "Example", "client-id": "c", **steps}},
        "management": {"key": KEY},
        "usage": {"dir": str(folder / "usage")},
    }
    with Router(folder, config) as router:
        yield router


@pytest.fixture
def client(router: Router) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=router.url, timeout=60, trust_env=False, headers=headers) as client:
        yield client


def audited(client: httpx2.Client) -> list[str]:
    return [row["action"] for row in client.get(f"{BASE}/audit").json()["rows"]]


def test_another_router_is_found_shown_and_taken_over(
    client: httpx2.Client, router: Router
) -> None:
    folder = router.directory
    source, output = "claude-code-router", folder / "imported-claude-code-router.yaml"
    found = client.get(f"{BASE}/import").json()["found"]
    assert [one["source"] for one in found] == [source]
    shown = client.post(f"{BASE}/import", json={"source": source})
    assert shown.status_code == 200 and SECRET not in shown.text
    plan = shown.json()
    assert "openrouter" in plan["text"] and plan["output"] == str(output)
    assert (plan["written"], plan["taken"], plan["comes_into_force"]) == (False, None, False)
    assert plan["left_out"] and plan["missing"] and not output.exists()
    wish = {"source": source, "dry_run": False}
    written = client.post(f"{BASE}/import", json=wish)
    assert written.json()["written"] and SECRET not in written.text
    assert SECRET in (folder / ".env").read_text()
    kept = output.read_bytes()
    assert client.post(f"{BASE}/import", json=wish).status_code == 409
    assert client.post(f"{BASE}/import", json={"source": source}).json()["taken"] == str(output)
    assert output.read_bytes() == kept
    assert f"import {source} to {output.name}" in audited(client)
    assert client.post(f"{BASE}/import", json={"source": "litellm"}).status_code == 404


def wait(client: httpx2.Client, login: str) -> dict[str, Any]:
    while True:
        status = client.get(f"{BASE}/logins/{login}").json()
        if status["state"] in ("done", "failed"):
            return status
        time.sleep(0.1)


def test_a_login_by_a_code_is_used_at_once(client: httpx2.Client) -> None:
    flows = {one["name"]: one for one in client.get(f"{BASE}/accounts").json()["flows"]}
    assert flows["example"]["ways"] == ["device"] and not flows["example"]["closed"]
    assert flows["claude"]["closed"], "its provider has closed it to other programs"
    begun = client.post(f"{BASE}/logins", json={"account": "example", "by": "device"}).json()
    assert (begun["url"], begun["code"]) == ("https://p.example/device", "ABCD-EFGH")
    assert wait(client, begun["id"])["state"] == "done"
    (account,) = client.get(f"{BASE}/accounts").json()["accounts"]
    assert (account["ref"], account["state"]) == ("example", "ok")
    body = {"model": "chat/m", "messages": [{"role": "user", "content": "Well?"}]}
    answer = client.post("/v1/chat/completions", json=body, headers={"authorization": ""})
    assert answer.status_code == 200, answer.text
    assert "log in to example" in audited(client)


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"account": "claude", "by": "device"}, 422),
        ({"account": "nobody", "by": "device"}, 404),
        ({"account": "../x", "by": "device"}, 422),
        ({"account": "example", "by": "guess"}, 422),
    ],
    ids=["closed", "unknown", "path", "way"],
)
def test_what_cannot_be_logged_in_to(
    client: httpx2.Client, wish: dict[str, str], status: int
) -> None:
    assert client.post(f"{BASE}/logins", json=wish).status_code == status


def test_a_login_that_is_not_there(client: httpx2.Client) -> None:
    assert client.get(f"{BASE}/logins/x").status_code == 404
    assert client.post(f"{BASE}/logins/x/paste", json={"text": "c"}).status_code == 404
    assert client.delete(f"{BASE}/logins/x").status_code == 404
