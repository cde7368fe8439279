"""The section `tracing`."""

import importlib.util

import pytest

from switchyard.config.problems import ConfigError
from switchyard.config.tracing import TracingSettings
from tests.unit.config.loading import load


def tracing(value: str) -> TracingSettings | None:
    text = "providers: [{name: p, base-url: 'https://p.example/v1', api-key: some-key}]\n"
    return load(f"{text}tracing: {value}\n").tracing


def test_an_address_stands_alone_or_with_more() -> None:
    for value in ("http://c.example:4318/", "{url: 'http://c.example:4318'}"):
        settings = tracing(value)
        assert settings is not None and settings.url == "http://c.example:4318"
        assert (settings.content, settings.propagate, settings.semconv) == (False, False, "latest")


@pytest.mark.parametrize("version", ["1.41", "'1.41'"])
def test_the_older_conventions(version: str) -> None:
    settings = tracing(f"{{url: 'http://c.example', semconv: {version}}}")
    assert settings is not None and settings.semconv == "1.41"


def test_keys_of_collectors_do_not_print() -> None:
    settings = tracing("{url: 'https://c.example', headers: {authorization: 'Bearer hidden-9'}}")
    assert settings is not None and "hidden-9" not in repr(settings)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("collector:4318", "http:// or https:// URL"),
        ("unix:/run/c.sock", "must be an http"),
        ("{content: true}", "url: is required"),
        ("{url: 'http://c.example', semconv: 1.36}", "is none of latest, 1.41"),
        ("{url: 'http://c.example', sample: 2}", "must be at most 1"),
        ("{url: 'http://c.example', queue: 0}", "queue"),
        ("{url: 'http://c.example', contents: true}", "did you mean 'content'"),
        ("{url: 'http://u:p@c.example'}", "user name or password"),
    ],
)
def test_wrong_values_are_problems(value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tracing(value)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install switchyard\[otel\]"):
        tracing("http://c.example")
