"""Providers as lists of keys, there and back."""

import copy
from typing import Any

import pytest

from switchyard.management.api.cliproxyapi.channels import KINDS
from switchyard.management.api.cliproxyapi.channels import Channel
from switchyard.management.api.errors import ApiProblem

GEMINI, CLAUDE, CODEX = KINDS


def given() -> dict[str, Any]:
    return {
        "providers": [
            {"name": "compatible", "base-url": "https://x/v1", "api-key": "k0"},
            {
                "preset": "anthropic",
                "api-key-entries": [
                    "k1",
                    {"api-key": "k2", "weight": 3, "quota": {"requests": "5/m"}},
                ],
                "excluded-models": ["old-*"],
                "strategy": "fill-first",
            },
            {
                "name": "mine",
                "format": "anthropic",
                "base-url": "https://mine/api",
                "api-key": "k3",
                "proxy-url": "http://proxy:1",
                "models": [{"name": "m", "alias": "a", "context-window": 5}, "n"],
            },
            {"name": "login", "preset": "anthropic", "api-key": {"oauth": "x"}},
        ]
    }  # fmt: skip


def names(values: dict[str, Any]) -> list[str]:
    return [one.get("name") or one["preset"] for one in values["providers"]]


def keys(values: dict[str, Any]) -> list[str]:
    return [entry["api-key"] for entry in Channel(values, CLAUDE).entries()]


def test_the_keys_of_a_vendor_with_their_settings() -> None:
    assert Channel(given(), CLAUDE).entries() == [
        {"api-key": "k1", "base-url": "", "proxy-url": "", "excluded-models": ["old-*"]},
        {"api-key": "k2", "base-url": "", "proxy-url": "", "weight": 3,
         "excluded-models": ["old-*"]},
        {"api-key": "k3", "base-url": "https://mine/api", "proxy-url": "http://proxy:1",
         "models": [{"name": "m", "alias": "a"}, {"name": "n", "alias": ""}]},
    ]  # fmt: skip
    assert Channel(given(), GEMINI).entries() == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.path)
def test_what_is_shown_can_be_put_back(kind: Any) -> None:
    values = given()
    Channel(values, kind).replace(Channel(values, kind).entries())
    assert values == given()


def test_put_keeps_known_keys_and_removes_others() -> None:
    values = given()
    Channel(values, CLAUDE).replace([
        {"api-key": "k2", "excluded-models": ["old-*"]},
        {"api-key": "new", "base-url": "https://new/api", "headers": {"X-Team": "a"}},
        {"base-url": "https://without-a-key/"},
    ])  # fmt: skip
    assert names(values) == ["compatible", "anthropic", "login", "claude"]
    assert values["providers"][1] == {
        "preset": "anthropic",
        "api-key-entries": [{"api-key": "k2", "quota": {"requests": "5/m"}}],
        "excluded-models": ["old-*"],
        "strategy": "fill-first",
    }
    assert values["providers"][3] == {
        "name": "claude",
        "format": "anthropic",
        "base-url": "https://new/api",
        "headers": {"X-Team": "a"},
        "api-key": "new",
    }


def test_a_key_whose_settings_change_gets_a_provider_of_its_own() -> None:
    values = given()
    Channel(values, CLAUDE).patch(0, {"excluded-models": ["other"]})
    assert values["providers"][1]["api-key-entries"] == [
        {"api-key": "k2", "weight": 3, "quota": {"requests": "5/m"}}
    ]
    assert values["providers"][4] == {
        "preset": "anthropic",
        "name": "anthropic-2",
        "excluded-models": ["other"],
        "api-key": "k1",
    }
    channel = Channel(values, CLAUDE)
    channel.patch(channel.find("k1", None), {"excluded-models": ["old-*"]})
    assert keys(values) == ["k2", "k3", "k1"] and len(values["providers"]) == 5


def test_the_only_key_of_a_provider_changes_it_in_place() -> None:
    values = given()
    change = {
        "base-url": "https://there/api",
        "proxy-url": "",
        "models": [{"name": "m", "alias": ""}],
    }
    Channel(values, CLAUDE).patch(2, change)
    assert values["providers"][2] == {
        "name": "mine",
        "format": "anthropic",
        "base-url": "https://there/api",
        "api-key": "k3",
        "models": [{"name": "m", "context-window": 5}],
    }
    Channel(values, CLAUDE).patch(2, {"api-key": "k4", "proxy-url": "socks5://p:2"})
    assert values["providers"][2]["api-key-entries"] == [
        {"api-key": "k4", "proxy-url": "socks5://p:2"}
    ]


def test_keys_with_one_address_share_a_provider() -> None:
    values: dict[str, Any] = {"providers": [{"preset": "openai", "api-key": "k1"}]}
    entries = Channel(values, CODEX).entries()
    more = {"api-key": "k2", "base-url": "https://api.openai.com/v1", "proxy-url": "http://p:1"}
    Channel(values, CODEX).replace([*entries, {"api-key": "k3"}, more])
    assert values["providers"][0]["api-key-entries"] == [{"api-key": "k1"}, {"api-key": "k3"}]
    assert values["providers"][1] == {
        "preset": "openai",
        "name": "openai-2",
        "api-key-entries": [{"api-key": "k2", "proxy-url": "http://p:1"}],
    }


def test_remove_takes_a_provider_away_with_its_last_key() -> None:
    values = given()
    channel = Channel(values, CLAUDE)
    channel.remove(channel.find("k1", None))
    channel.remove(channel.find(None, 0))
    assert names(values) == ["compatible", "mine", "login"]
    before = copy.deepcopy(values)
    for text, index in (("k0", None), (None, 5), (None, None)):
        with pytest.raises(ApiProblem):
            channel.find(text, index)
    assert values == before
