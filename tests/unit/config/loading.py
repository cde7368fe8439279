"""Loads configurations that tests write out."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import SecretStr

from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.config.provider import ApiKeyEntry
from switchyard.config.schema import Config
from switchyard.routing.catalog import Catalog

FILE = Path("/etc/switchyard/test.yaml")

ONE = """providers:
  - name: one
    base-url: https://one.example/v1
"""
"""A good file; whatever a case appends begins on line 4, within the provider."""


def load(text: str, env: Mapping[str, str] | None = None) -> Config:
    return parse_config(dedent(text).lstrip("\n").encode(), FILE, env or {})


def problems(text: str, env: Mapping[str, str] | None = None) -> list[str]:
    """The lines of the error that a text leads to, with the file's folder taken off."""
    with pytest.raises(ConfigError) as caught:
        load(text, env)
    return [line.removeprefix(f"{FILE.parent}/") for line in str(caught.value).splitlines()]


def catalog(text: str, env: Mapping[str, str] | None = None) -> Catalog:
    return Catalog(load(text, env))


def key_of(entry: ApiKeyEntry) -> str:
    """The key of an entry that has it as text."""
    assert isinstance(entry.api_key, SecretStr)
    return entry.api_key.get_secret_value()
