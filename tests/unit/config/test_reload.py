"""A changed file is noticed; a bad one leaves the running configuration in force."""

import os
from pathlib import Path

import pytest

from switchyard.config.problems import ConfigError
from switchyard.config.reload import ConfigSource
from switchyard.config.schema import Config

FIRST = "providers: [{name: first, base-url: 'http://first'}]\n"
SECOND = "providers: [{name: second, base-url: 'http://second'}]\n"
BAD = "providers: [{name: second, base-url: nowhere}]\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(FIRST)
    return path


@pytest.fixture
def source(path: Path) -> ConfigSource:
    source = ConfigSource(path, {})
    source.load()
    return source


def write(path: Path, text: str) -> None:
    """Writes a file so that its times differ, however fast the test is."""
    before = path.stat() if path.exists() else None
    path.write_text(text)
    if before:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))


def name(config: Config | ConfigError | None) -> str:
    assert isinstance(config, Config)
    return config.providers[0].name


def test_loading_raises_what_is_wrong(path: Path) -> None:
    path.write_text(BAD)
    with pytest.raises(ConfigError, match=r"config.yaml:1: providers\[0\].base-url"):
        ConfigSource(path, {}).load()


def test_an_unchanged_file_is_nothing_new(source: ConfigSource) -> None:
    assert name(source.config) == "first"
    assert source.poll() is None


def test_a_file_that_was_only_touched_is_nothing_new(source: ConfigSource, path: Path) -> None:
    write(path, FIRST)
    assert source.poll() is None


def test_a_changed_file_is_the_new_configuration_once(source: ConfigSource, path: Path) -> None:
    write(path, SECOND)
    assert name(source.poll()) == "second"
    assert name(source.config) == "second"
    assert source.poll() is None


def test_a_change_that_keeps_size_and_time_is_noticed(source: ConfigSource, path: Path) -> None:
    before = path.stat()
    path.write_text(FIRST.replace("first", "other"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert name(source.poll()) == "other"


def test_a_replaced_file_is_noticed(source: ConfigSource, path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_text(SECOND)
    other.replace(path)
    assert name(source.poll()) == "second"


def test_a_bad_file_is_told_once_and_changes_nothing(source: ConfigSource, path: Path) -> None:
    write(path, BAD)
    error = source.poll()
    assert isinstance(error, ConfigError)
    assert "must be an http:// or https:// URL" in str(error)
    assert name(source.config) == "first"
    assert source.poll() is None


def test_a_bad_file_that_was_mended_is_loaded(source: ConfigSource, path: Path) -> None:
    write(path, BAD)
    source.poll()
    write(path, FIRST)
    assert name(source.poll()) == "first"


def test_a_file_that_is_gone_for_a_while(source: ConfigSource, path: Path) -> None:
    path.unlink()
    assert isinstance(source.poll(), ConfigError)
    assert source.poll() is None
    assert name(source.config) == "first"
    write(path, FIRST)
    assert source.poll() is None
    write(path, SECOND)
    assert name(source.poll()) == "second"
