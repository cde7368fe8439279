"""Single settings: those that the configuration has, and those that are fixed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.management.api.cliproxyapi.setting_routes import FIXED


@pytest.mark.parametrize(
    ("path", "first", "then", "key"),
    [
        ("proxy-url", "", "socks5://127.0.0.1:1080", ("proxy-url",)),
        ("request-retry", 1, 5, ("retry", "request-retry")),
        ("max-retry-interval", 30, 60, ("retry", "max-retry-interval")),
    ],
)
async def test_settings_of_the_configuration(
    client: httpx2.AsyncClient, values: Callable[[], dict[str, Any]],
    path: str, first: Any, then: Any, key: tuple[str, ...],
) -> None:  # fmt: skip
    assert (await client.get(f"/{path}")).json() == {path: first}
    for method in ("PUT", "PATCH"):
        answer = await client.request(method, f"/{path}", json={"value": then})
        assert answer.json() == {"status": "ok"}
    assert (await client.get(f"/{path}")).json() == {path: then}
    held: Any = values()
    for step in key:
        held = held[step]
    assert held == then


async def test_a_section_is_added_and_taken_away(
    client: httpx2.AsyncClient, file: Path, values: Callable[[], dict[str, Any]]
) -> None:
    assert (await client.put("/request-log", json={"value": True})).status_code == 200
    assert values()["exchange-log"] == {}
    assert (await client.get("/request-log")).json() == {"request-log": True}
    assert (await client.put("/request-log", json={"value": False})).status_code == 200
    assert "exchange-log" not in values()
    name = "usage-statistics-enabled"
    for value in (False, False, True, True):
        assert (await client.put(f"/{name}", json={"value": value})).status_code == 200
        assert (await client.get(f"/{name}")).json() == {name: value}
    assert "usage" not in values() and "# Written by hand." in file.read_text()


async def test_the_proxy_is_masked_and_taken_away(client: httpx2.AsyncClient, file: Path) -> None:
    url = {"value": "socks5://user:pass-word-123@127.0.0.1:1080/"}
    assert (await client.put("/proxy-url", json=url)).status_code == 200
    shown = (await client.get("/proxy-url")).json()["proxy-url"]
    assert "pass-word" not in shown
    text = file.read_text()
    assert (await client.put("/proxy-url", json={"value": shown})).status_code == 200
    assert file.read_text() == text
    assert (await client.delete("/proxy-url")).json() == {"status": "ok"}
    assert "proxy-url" not in file.read_text()


@pytest.mark.parametrize("fixed", FIXED, ids=lambda fixed: fixed.path)
async def test_fixed_settings_take_what_is_the_case(
    client: httpx2.AsyncClient, fixed: Any, file: Path
) -> None:
    before = file.read_text()
    found = (await client.get(f"/{fixed.path}")).json()
    assert set(found) == {fixed.name}
    value = found[fixed.name]
    assert (await client.put(f"/{fixed.path}", json={"value": value})).json() == {"status": "ok"}
    refused = await client.patch(f"/{fixed.path}", json={"value": not value})
    assert (refused.status_code, refused.json()["error"]) == (409, fixed.instead)
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("path", "value"),
    [("request-retry", True), ("request-retry", -1), ("proxy-url", 5), ("debug", "yes"),
     ("request-log", 1), ("proxy-url", "ftp://x")],
)  # fmt: skip
async def test_values_of_another_kind(client: httpx2.AsyncClient, path: str, value: Any) -> None:
    assert (await client.put(f"/{path}", json={"value": value})).status_code == 422


async def test_where_other_files_have_them(client: httpx2.AsyncClient, file: Path) -> None:
    text = file.read_text().replace("# Written by hand.", "api-keys: []\nrequest-retry: 2")
    file.write_text(text)
    assert (await client.put("/request-retry", json={"value": 4})).status_code == 200
    assert "request-retry: 4" in file.read_text() and "retry:\n" not in file.read_text()
    assert (await client.get("/request-retry")).json() == {"request-retry": 4}
