"""CLIProxyAPI's view of providers, there and back."""

from typing import Any

import pytest

from switchyard.management.api.cliproxyapi.compatibility_routes import patch_service
from switchyard.management.api.cliproxyapi.compatibility_routes import remove_service
from switchyard.management.api.cliproxyapi.compatibility_routes import replace_services
from switchyard.management.api.cliproxyapi.compatibility_routes import shown
from switchyard.management.api.errors import ApiProblem

ENTRY = {
    "name": "openrouter",
    "base-url": "https://openrouter.ai/api/v1",
    "api-key-entries": [{"api-key": "sk-1", "proxy-url": ""}],
    "models": [{"name": "moonshotai/kimi-k2:free", "alias": "kimi-k2"}],
}


def values() -> dict[str, Any]:
    return {
        "providers": [
            {"preset": "anthropic"},
            {"name": "x", "base-url": "https://x/v1", "api-key": "sk-x", "weight": 2,
             "models": ["m"]},
        ]
    }  # fmt: skip


def test_a_provider_in_its_shape() -> None:
    assert shown(values()["providers"][1]) == {
        "name": "x",
        "base-url": "https://x/v1",
        "api-key-entries": [{"api-key": "sk-x", "proxy-url": ""}],
        "models": [{"name": "m", "alias": ""}],
    }


def test_put_leaves_other_providers() -> None:
    given = values()
    replace_services(given, [ENTRY])
    assert [one.get("preset", one.get("name")) for one in given["providers"]] == [
        "anthropic",
        "openrouter",
    ]
    assert given["providers"][1]["api-key-entries"] == [{"api-key": "sk-1"}]


def test_patch_changes_by_name_and_index_and_adds() -> None:
    given = values()
    patch_service(given, "x", None, {"base-url": "https://y/v1"})
    patch_service(given, None, 0, {"prefix": "p"})
    found = given["providers"][1]
    assert (found["base-url"], found["prefix"], found["weight"]) == ("https://y/v1", "p", 2)
    patch_service(given, "new", None, {"base-url": "https://n/v1"})
    assert given["providers"][2]["name"] == "new"
    with pytest.raises(ApiProblem):
        patch_service(given, None, 9, {})


@pytest.mark.parametrize(
    "value",
    [
        *({name: 5} for name in ("models", "api-key-entries", "api-keys")),
        *({name: [5]} for name in ("models", "api-key-entries", "api-keys")),
        {"models": ["m"]},
        {"models": {"m": 1}},
    ],
)
def test_a_list_of_something_else_is_refused(value: dict[str, Any]) -> None:
    given = values()
    for act in (
        lambda: patch_service(given, "x", None, value),
        lambda: patch_service(given, "new", None, value),
        lambda: replace_services(given, [{"name": "x", **value}]),
    ):
        with pytest.raises(ApiProblem, match=f"'{next(iter(value))}' takes a list of"):
            act()
    assert given == values()


def test_delete() -> None:
    given = values()
    remove_service(given, None, 0)
    assert given["providers"] == [{"preset": "anthropic"}]
    with pytest.raises(ApiProblem):
        remove_service(given, "x", None)
