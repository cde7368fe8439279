"""Accounts as files, logins by address, and models that accounts do not have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from switchyard.management.api.cliproxyapi.account_routes import exclude
from switchyard.management.api.errors import ApiProblem

FLOW = """\
accounts:
  there:
    client-id: some-client
    authorize: {url: "https://login.example/authorize", redirect: "http://localhost:1/callback"}
    token: {url: "https://login.example/token"}
"""


@pytest.fixture
def store(client: httpx2.AsyncClient, tmp_path: Path) -> AccountStore:
    store = AccountStore(tmp_path / "accounts")
    for name, label in (("xai", ""), ("kimi", "work")):
        token = f"secret-of-{name}"
        record = AccountRecord(
            name=name, label=label, subject="me@x", access_token=token, refresh_token="again"
        )
        store.save(record)
    return store


async def test_accounts_are_files_without_tokens(
    client: httpx2.AsyncClient, store: AccountStore
) -> None:
    answer = await client.get("/auth-files")
    files = answer.json()["files"]
    assert [(one["id"], one["name"], one["status"]) for one in files] == [
        ("kimi/work", "kimi@work.json", "ready"),
        ("xai", "xai.json", "ready"),
    ]
    assert files[0]["email"] == "me@x" and "secret-of" not in answer.text
    store.path("xai").write_text("{")
    files = (await client.get("/auth-files")).json()["files"]
    assert [one["unavailable"] for one in files] == [False, True]


async def test_a_file_is_deleted_by_its_name_and_all_at_once(
    client: httpx2.AsyncClient, store: AccountStore
) -> None:
    assert (await client.delete("/auth-files?name=nobody.json")).status_code == 404
    assert (await client.delete("/auth-files")).status_code == 404
    gone = await client.delete("/auth-files?name=kimi@work.json")
    assert gone.json() == {"status": "ok"} and store.refs() == ["xai"]
    gone = await client.delete("/auth-files?all=true")
    assert gone.json() == {"status": "ok", "deleted": 1} and store.refs() == []


async def test_logins_that_are_closed_say_why(client: httpx2.AsyncClient) -> None:
    for name, word in (("anthropic", "Anthropic"), ("codex", "ChatGPT"), ("nobody", "no such")):
        answer = await client.get(f"/{name}-auth-url?is_webui=true")
        assert answer.status_code == 404 and word in answer.json()["error"]
    known = await client.get("/get-auth-status?state=nobody")
    assert known.json() == {"status": "ok"}


async def test_a_login_is_begun_and_asked_for(client: httpx2.AsyncClient, file: Path) -> None:
    file.write_text(file.read_text() + FLOW)
    await client.post("/reload")
    begun = (await client.get("/there-auth-url")).json()
    assert begun["status"] == "ok" and begun["url"].startswith("https://login.example/authorize?")
    state = begun["state"]
    assert (await client.get(f"/get-auth-status?state={state}")).json() == {"status": "wait"}
    assert (await client.delete(f"/logins/{state}")).status_code == 200


def given() -> dict[str, Any]:
    return {
        "providers": [
            {"name": "plain", "api-key": "k", "excluded-models": ["x"]},
            {"preset": "xai", "api-key": {"oauth": "xai"}, "excluded-models": ["old"]},
            {"name": "Moon", "api-key-entries": [{"api-key": {"oauth": "kimi"}}]},
        ]
    }


def test_models_are_excluded_from_providers_with_an_account() -> None:
    values = given()
    exclude(values, {"moon": [" a ", "a", ""]})
    assert values["providers"][2]["excluded-models"] == ["a"]
    assert values["providers"][1]["excluded-models"] == ["old"]
    exclude(values, {"Moon": ["b"]}, others=True)
    assert [one.get("excluded-models") for one in values["providers"]] == [["x"], None, ["b"]]
    with pytest.raises(ApiProblem):
        exclude(values, {"plain": ["y"]})


async def test_excluded_models_over_http(
    client: httpx2.AsyncClient, file: Path, values: Callable[[], dict[str, Any]]
) -> None:
    account = "api-key: {oauth: there}, base-url: https://there.example/v1"
    provider = f"  - {{name: kimi, {account}, excluded-models: [a]}}\n"
    file.write_text(file.read_text().replace("clients:\n", f"{provider}clients:\n", 1) + FLOW)
    path, name = "/oauth-excluded-models", "oauth-excluded-models"
    assert (await client.get(path)).json() == {name: {"kimi": ["a"]}}
    for body in ({"kimi": ["b"]}, {"items": {"kimi": ["b"]}}):
        assert (await client.put(path, json=body)).json() == {"status": "ok"}
        assert values()["providers"][2]["excluded-models"] == ["b"]
    patch = {"provider": "KIMI", "models": ["c"]}
    assert (await client.patch(path, json=patch)).json() == {"status": "ok"}
    assert (await client.get(path)).json() == {name: {"kimi": ["c"]}}
    assert (await client.delete(f"{path}?provider=kimi")).json() == {"status": "ok"}
    assert (await client.get(path)).json() == {name: {}}
    assert (await client.delete(f"{path}?provider=one")).status_code == 404
