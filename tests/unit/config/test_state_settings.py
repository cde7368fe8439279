"""The section `state`."""

import importlib.util
from typing import Any

import pytest

from switchyard.config.problems import ConfigError
from tests.unit.config.loading import load


def state(value: str) -> Any:
    text = "providers: [{name: p, base-url: 'https://p.example/v1', api-key: some-key}]\n"
    return load(f"{text}state: {value}\n").state


def test_memory_is_the_default() -> None:
    settings = state("memory")
    assert settings.url.get_secret_value() == "memory" and settings.redis_failure == "local"


@pytest.mark.parametrize(
    "url", ["redis://:secret@h:6379/0", "rediss://h", "unix:///run/redis.sock", "valkey://h"]
)
def test_an_address_stands_alone_or_with_more(url: str) -> None:
    for settings in (state(f"'{url}'"), state(f"{{url: '{url}', redis-failure: closed}}")):
        assert settings.url.get_secret_value() == url
        assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("postgres://:hidden@h", "is no kind of state"),
        ("redis", "is no kind of state"),
        ("redis://", "is no kind of state"),
        ("{redis-failure: open}", "redis-failure"),
        ("{prefix: 'a b'}", "prefix"),
        ("{timeout: 0s}", "timeout"),
        ("{host: h}", "unknown key"),
    ],
)
def test_wrong_values_are_problems(value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        state(value)
    assert "hidden" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="install switchyard"):
        state("redis://h")
