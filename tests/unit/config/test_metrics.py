"""The section `metrics`."""

import importlib.util

import pytest

from switchyard.config.metrics import MetricsSettings
from switchyard.config.problems import ConfigError
from tests.unit.config.loading import load


def metrics(value: str) -> MetricsSettings | None:
    text = "providers: [{name: p, base-url: 'https://p.example/v1', api-key: some-key}]\n"
    return load(f"{text}metrics: {value}\n").metrics


@pytest.mark.parametrize(
    ("value", "listen"),
    [
        ("127.0.0.1:9464", "127.0.0.1:9464"),
        ("{listen: '[::1]:9464'}", "[::1]:9464"),
        ("{listen: 'localhost:0'}", "localhost:0"),
        ("on", None),
        ("{}", None),
    ],
)
def test_where_it_listens(value: str, listen: str | None) -> None:
    settings = metrics(value)
    assert settings is not None and settings.listen == listen


def test_off() -> None:
    assert metrics("off") is None and metrics("false") is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("9464", "must be a mapping"),
        ("'9464'", "is no address to listen on. Hint: write HOST:PORT"),
        ("'127.0.0.1'", "is no address"),
        ("'127.0.0.1:99999'", "is no address"),
        ("'http://127.0.0.1:9464'", "is no address"),
        ("'::1:9464'", "is no address"),
        ("{listn: '127.0.0.1:9464'}", "did you mean 'listen'"),
    ],
)
def test_wrong_values_are_problems(value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        metrics(value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install switchyard\[metrics\]"):
        metrics("127.0.0.1:9464")
    assert metrics("on") is not None
