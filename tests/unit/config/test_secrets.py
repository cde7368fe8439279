"""No key, header value or password ever gets out of a configuration by accident."""

import pickle
import traceback
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.config.problems import ConfigError
from tests.unit.config.loading import key_of
from tests.unit.config.loading import load

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
KEYS = st.text(ALPHABET, min_size=12, max_size=40).map(lambda text: f"sk-{text}")

GOOD = """
    clients:
      api-keys:
        - {first!r}
        - {{key: {second!r}, name: two}}
    providers:
      - name: one
        base-url: https://one.example
        api-key: {third!r}
        headers: {{Authorization: 'Bearer {fourth}'}}
        proxy-url: 'http://user:{fifth}@proxy.example:8080'
      - name: two
        base-url: https://two.example
        api-key-entries: [{sixth!r}, {{api-key: "${{KEY}}"}}]
"""

# Each has one key in it, in a place or form that makes the file wrong.
WRONG = [
    "clients: {{api-keys: {key}}}",
    "clients: {{api-keys: [[{key}]]}}",
    "clients: {{api-keys: {{key: {key}}}}}",
    "clients: {{api-keys: [{{kee: {key}}}]}}",
    "clients: {{api-keys: [{{key: {key}, name: 5}}]}}",
    "clients: {{api-keys: [{key}, {key}]}}",
    "clients: {{api-keys: ['{key} tail']}}",
    "clients: {key}",
    "providers: {key}",
    "providers: [{key}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: [{key}]}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: {{k: {key}}}}}]",
    "providers: [{{name: x, base-url: 'http://x', api_key: {key}}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: '{key} tail'}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: {key}, api-key: {key}}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: {key}, api-key-entries: [{key}]}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: {key}, credentials: forward}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key-entries: {key}}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key-entries: {{api-key: {key}}}}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key-entries: [{{api-key: {key}, z: 1}}]}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key-entries: [{{key: {key}}}]}}]",
    "providers: [{{name: x, base-url: 'http://x', headers: {key}}}]",
    "providers: [{{name: x, base-url: 'http://x', headers: [{key}]}}]",
    "providers: [{{name: x, base-url: 'http://x', headers: {{A: [{key}]}}}}]",
    "providers: [{{name: x, base-url: 'http://x', headers: {{'a b': {key}}}}}]",
    "providers: [{{name: x, base-url: 'http://x', headers: {{A: \"{key}\\n\\tb\"}}}}]",
    "providers: [{{name: x, base-url: 'https://u:{key}@x.example'}}]",
    "providers: [{{name: x, base-url: 'https://x.example/?key={key}'}}]",
    "providers: [{{name: x, base-url: {key}}}]",
    "providers: [{{name: x, base-url: 'http://x', proxy-url: 'ftp://u:{key}@p'}}]",
    "providers: [{{name: x, base-url: 'http://x', proxy-url: 'http://u:{key}@p:port'}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: !{key} a}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: *{key}}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: {key}",
    "providers:\n  - name: x\n   api-key: {key}",
    "providers: [{{name: x, base-url: 'http://x', api-key: '${{{key}}}'}}]",
    "providers: [{{name: x, base-url: 'http://x', api-key: '${{X:-{key}'}}]",
    "providers: [{{name: x, base-url: '${{KEY}}'}}]",
    "providers: [{{name: '${{KEY}} x', base-url: 'http://x'}}]",
    "providers: [{{name: x, base-url: 'http://x', stream: '${{KEY}}'}}]",
    "providers: [{{name: x, base-url: 'http://x', timeouts: {{total: '${{KEY}}'}}}}]",
    "providers: [{{name: x, base-url: 'http://x', profile: {{tool-id-pattern: '(${{KEY}}'}}}}]",
    "providers: [{{name: x, base-url: 'http://x', tls: '${{KEY}}'}}]",
    "retry: {{request-retry: '${{KEY}}'}}",
    "heartbeat: '${{KEY}}'",
]


def error_of(text: str, env: Mapping[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(text, env)
    return caught.value


@given(st.lists(KEYS, min_size=7, max_size=7, unique=True))
def test_a_loaded_configuration_shows_none(keys: list[str]) -> None:
    names = ("first", "second", "third", "fourth", "fifth", "sixth")
    text = GOOD.format(**dict(zip(names, keys, strict=False)))
    config = load(text, {"KEY": keys[6]})
    held = [secret.get_secret_value() for secret in config.client_keys]
    held += [key_of(entry) for one in config.providers for entry in one.api_key_entries]
    assert held == [
        keys[0],
        keys[1],
        keys[2],
        keys[5],
        keys[6],
    ]
    shown = f"{config!r} {config} {config.providers[0].proxy_url} {config.providers[0].headers}"
    for key in keys:
        assert key not in shown


@pytest.mark.parametrize("wrong", WRONG)
@settings(max_examples=10)
@given(key=KEYS)
def test_no_error_shows_one(wrong: str, key: str) -> None:
    text = wrong.format(key=key)
    if not text.startswith("providers"):
        text = f"providers: [{{name: ok, base-url: 'http://ok'}}]\n{text}"
    error = error_of(text, {"KEY": key})
    shown = "".join(traceback.format_exception(error)) + repr(error.problems)
    assert key not in shown
    assert key.encode() not in pickle.dumps((error.args, error.problems))


@given(key=KEYS)
def test_a_name_that_is_unknown_is_no_way_out_for_what_a_variable_holds(key: str) -> None:
    text = """
        providers: [{name: x, base-url: "http://x", models: [m]}]
        combos: {c: [x/m, "${KEY}"]}
        aliases: {a: "${KEY}/m"}
        routes: [{pattern: a, provider: "${KEY}"}]
    """
    error = error_of(text, {"KEY": key})
    assert len(error.problems) == 3
    assert key not in str(error)
