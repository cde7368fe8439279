"""claude-code-router's `config.json`."""

from ruamel.yaml import YAML

from switchyard.routing.explanation import explain
from tests.unit.importers.examples import CLAUDE_CODE_ROUTER
from tests.unit.importers.running import imported
from tests.unit.importers.running import left_out

MADE = imported("claude-code-router", CLAUDE_CODE_ROUTER)
FILE = YAML(typ="safe").load(MADE.text)
PROVIDERS = {one["name"]: one for one in FILE["providers"]}


def test_providers_are_presets_where_they_can_be() -> None:
    assert PROVIDERS["openrouter"]["preset"] == "openrouter"
    assert PROVIDERS["deepseek"]["api-key"] == "${DEEPSEEK_KEY}"
    assert PROVIDERS["local-models"]["base-url"] == "http://192.168.1.7:9000/v1"
    assert "api-key" not in PROVIDERS["local-models"]
    assert PROVIDERS["claude"]["format"] == "anthropic"
    assert PROVIDERS["claude"]["base-url"] == "https://gateway.example"
    assert all(one["proxy-url"] == "${PROXY_URL}" for one in PROVIDERS.values())


def test_transformers_become_headers_and_payload_rules() -> None:
    assert PROVIDERS["openrouter"]["headers"] == {
        "HTTP-Referer": "https://me.example", "X-Title": "mine",
    }  # fmt: skip
    rules = {next(iter(rule["params"])): rule for rule in FILE["payload"]["override"]}
    assert rules["max_tokens"] == {"models": ["qwen3"], "params": {"max_tokens": 16384}}
    assert rules["provider"]["params"] == {"provider": {"order": ["a"]}}
    assert rules["top_k"]["models"] == ["claude-sonnet-4-5"]
    assert "'my-own'" in left_out(MADE)["Providers[1].transformer.deepseek-chat.use[1]"]


def test_claude_codes_models_go_to_the_roles() -> None:
    host = "api.anthropic.com"
    usual = explain(MADE.config, "claude-sonnet-4-5-20250929", host=host)
    assert [member.name for member in usual.members] == [
        "deepseek/deepseek-chat", "openrouter/anthropic/claude-sonnet-4",
    ]  # fmt: skip
    small = explain(MADE.config, "claude-haiku-4-5", host=host)
    assert small.members[0].targets[0].model == "qwen3"
    assert explain(MADE.config, "think").served
    assert MADE.main_models == ("default", "background", "think", "longContext")


def test_settings_of_the_start_and_scripts_are_left_out() -> None:
    lost = left_out(MADE)
    assert "--host" in lost["HOST"]
    assert "CUSTOM_ROUTER_PATH" in lost
    assert "Router.longContextThreshold" in lost
    assert "NON_INTERACTIVE_MODE" not in lost
    assert FILE["timeouts"] == {"total": "600s"}
    assert FILE["clients"]["api-keys"] == [{"key": "${CLIENT_KEY}", "name": "imported"}]


def test_a_provider_without_an_address() -> None:
    made = imported(
        "claude-code-router",
        {"Providers": [{"name": "a", "api_base_url": "https://a.example/v1/responses"},
                       {"name": "b", "transformer": {"use": "text"}}]},
    )  # fmt: skip
    assert "Providers[1]" in left_out(made)
    assert made.config.providers[0].formats == ("openai-responses",)
