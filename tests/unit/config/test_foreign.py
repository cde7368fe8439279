"""Files of CLIProxyAPI and its like start as they are, with a note for what means nothing here."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.config.schema import Config

TEXT = """\
host: ""
port: 8317
auth-dir: ~/.cli-proxy-api
api-keys: [sk-client-one-1]
auth: {api-keys: [sk-client-two-2]}
remote-management: {secret-key: manage-me-1, allow-remote: true, disable-control-panel: false}
debug: false
request-retry: 3
max-retry-interval: 30
load-balance: {strategy: fill-first, health-check: true}
rate-limit: {requests-per-minute: 60}
logging: {level: info}
tls: {enable: false, cert: "", key: ""}
openai: {api-key: sk-openai-1}
openai-compatibility:
  - name: openrouter
    prefix: or
    base-url: https://openrouter.ai/api/v1
    headers: {X-Custom: a}
    api-key-entries:
      - {api-key: sk-or-1, proxy-url: ""}
      - api-key: sk-or-2
    models:
      - {name: "moonshotai/kimi-k2:free", alias: kimi-k2}
  - {name: off, disabled: true, base-url: https://off.example/v1}
custom-providers:
  mine: {base-url: https://mine.example/v1, api-keys: [sk-mine-1]}
"""


def load(text: str) -> Config:
    return parse_config(text.encode(), Path("/etc/foreign.yaml"), {})


def test_a_whole_file_starts() -> None:
    config = load(TEXT)
    assert [one.name for one in config.providers] == ["openai", "openrouter", "mine"]
    openrouter = config.providers[1]
    keys = [one.api_key for one in openrouter.api_key_entries if one.api_key is not None]
    assert [one.get_secret_value() for one in keys if isinstance(one, SecretStr)] == [
        "sk-or-1",
        "sk-or-2",
    ]
    assert config.management.allow_remote
    assert config.management.key is not None
    assert config.management.key.get_secret_value() == "manage-me-1"
    assert config.retry.request_retry == 3
    assert config.clients.api_keys


def test_what_means_nothing_is_noted() -> None:
    noted = {one.key: one.line for one in load(TEXT).notices}
    names = ("host", "port", "auth-dir", "debug", "load-balance", "rate-limit", "logging", "tls")
    for key in names:
        assert key in noted, key
    assert noted["port"] == 2
    assert "openai-compatibility[1]" in noted


def test_how_keys_are_chosen_is_taken_over() -> None:
    assert {one.strategy for one in load(TEXT).providers} == {"fill-first"}
    routing = TEXT.replace("load-balance: {strategy: fill-first, health-check: true}\n", (
        "routing: {strategy: weighted-round-robin}\n"))  # fmt: skip
    config = load(routing)
    assert {one.strategy for one in config.providers} == {"weighted"}
    assert "routing" not in {one.key for one in config.notices}


def test_custom_providers_have_a_url() -> None:
    config = load(
        "custom-providers:\n"
        "  - {name: gateway, url: 'http://gateway.example/v1', api-key: sk-gateway-1,\n"
        "     models: [gpt-5.4], responses-translate: true}\n"
    )
    (provider,) = config.providers
    assert provider.base_url == "http://gateway.example/v1"
    assert [one.key for one in config.notices] == ["providers[0].responses-translate"]


def test_switches_of_the_example_are_noted() -> None:
    switches = (
        "pprof: {enable: false}\nplugins: {enabled: false}\nerror-logs-max-files: 10\n"
        "proxy-url: ''\nforce-model-prefix: false\npassthrough-headers: false\n"
        "disable-cooling: false\nclaude-code: {disable-cloaking-model-list: false}\n"
        "codex: {identity-confuse: false}\nquota-exceeded: {switch-project: true}\n"
        "gemini-api-key: [{api-key: AIza-1}]\n"
    )
    noted = {one.key for one in load(TEXT + switches).notices}
    assert {"pprof", "plugins", "codex", "gemini-api-key", "claude-code"} <= noted
    assert "proxy-url" not in noted


def test_problems_keep_their_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        load(TEXT.replace("    prefix: or\n", "    prefixx: or\n"))
    (problem,) = caught.value.problems
    assert problem.line == 17


def test_a_file_of_ours_is_left_alone() -> None:
    with pytest.raises(ConfigError, match="--port"):
        load("providers: [{name: a, base-url: 'https://a.example/v1'}]\nport: 1\n")
