"""Sources of credentials in the place of an `api-key`."""

from pathlib import Path

import pytest

from switchyard.config.credentials import CredentialSource
from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.config.schema import Config


def parsed(source: str, **env: str) -> Config:
    text = f"providers: [{{name: p, base-url: 'https://p.example/v1', api-key: {source}}}]"
    return parse_config(text.encode(), Path("/etc/switchyard/config.yaml"), env)


def source_of(text: str) -> CredentialSource:
    (entry,) = parsed(text).providers[0].api_key_entries
    assert isinstance(entry.api_key, CredentialSource)
    return entry.api_key


def test_a_file_counts_from_the_configuration() -> None:
    source = source_of("{file: auth.json, json: $.tokens.access_token, expires: $.expires_at}")
    assert (source.kind, source.file) == ("file", "/etc/switchyard/auth.json")
    assert (source.json_, source.expires) == ("tokens.access_token", "expires_at")
    assert source_of("{file: ~/auth.json}").file == str(Path.home() / "auth.json")


def test_a_command_is_a_list_or_words() -> None:
    words = ("pass", "show", "open router")
    assert source_of("{command: [pass, show, open router]}").command == words
    source = source_of("{command: 'pass show \"open router\"', ttl: 10m}")
    assert (source.command, source.ttl) == (words, 600.0)
    assert source.label == "the command pass"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("{keyring: moonshot/me}", "keyring"),
        ("{google: {}}", "google"),
        ("{google: {credentials: sa.json, scopes: [a, b]}}", "google"),
        ("{azure: {tenant: t, client: c, secret: s3cret}}", "azure"),
    ],
)
def test_other_kinds(source: str, kind: str) -> None:
    assert source_of(source).kind == kind


@pytest.mark.parametrize(
    ("source", "key", "cause"),
    [
        ("{}", "api-key", "exactly one of"),
        ("{file: a, command: b}", "api-key", "exactly one of"),
        ("{file: a, jsn: $.x}", "api-key.jsn", "did you mean 'json'"),
        ("{file: a, ttl: 5m}", "api-key.ttl", "of no use with file"),
        ("{keyring: a/b, json: $.x}", "api-key.json", "of no use with keyring"),
        ("{file: a, expires: $.x}", "api-key.expires", "needs json as well"),
        ("{file: a, json: $..x}", "api-key.json", "is a path that"),
        ("{command: []}", "api-key.command", "at least one"),
        ("{command: 'a \"b'}", "api-key.command", "quote that is not closed"),
        ("{command: a, ttl: soon}", "api-key.ttl", "is not a duration"),
        ("{keyring: only}", "api-key.keyring", "a service and a user"),
        ("{google: {scope: a}}", "api-key.google.scope", "did you mean 'scopes'"),
        ("{azure: {secret: a b}}", "api-key.azure.secret", "white space"),
        ("[a]", "api-key", "must be text"),
    ],
)
def test_wrong_sources(source: str, key: str, cause: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(source)
    assert f"providers[0].{key}: " in str(caught.value)
    assert cause in str(caught.value)


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs the library keyring") as caught:
        parsed("{keyring: a/b}")
    assert "switchyard[keyring]" in str(caught.value)


def test_several_sources_are_entries_like_keys() -> None:
    text = """
        providers:
          - name: p
            base-url: https://p.example/v1
            api-key-entries:
              - plain-key
              - {api-key: {file: a}, weight: 3, quota: {requests: 5/1m}}
              - api-key: {command: b}
    """
    config = parse_config(text.encode(), Path("/c.yaml"), {})
    kinds = [type(entry.api_key).__name__ for entry in config.providers[0].api_key_entries]
    assert kinds == ["SecretStr", "CredentialSource", "CredentialSource"]
    assert config.providers[0].api_key_entries[1].weight == 3


def test_an_optional_provider_without_its_variable_is_left_out() -> None:
    text = """
        providers:
          - {name: p, base-url: "https://p.example", optional: true, api-key: {file: "${NONE}/a"}}
          - {name: q, base-url: "https://q.example"}
    """
    config = parse_config(text.encode(), Path("/c.yaml"), {})
    assert [one.provider.name for one in config.not_live] == ["p"]


def test_the_values_are_immutable_and_show_no_secret() -> None:
    source = source_of("{azure: {tenant: t, client: c, secret: s3cret-value}}")
    assert hash(source) == hash(source_of("{azure: {tenant: t, client: c, secret: s3cret-value}}"))
    assert "s3cret-value" not in repr(source)
    with pytest.raises(ValueError, match="frozen"):
        source.file = "x"
