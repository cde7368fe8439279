"""Bifrost's `config.json`."""

from ruamel.yaml import YAML

from switchyard.clients.key_table import KeyTable
from tests.unit.importers.examples import BIFROST
from tests.unit.importers.running import imported
from tests.unit.importers.running import left_out

MADE = imported("bifrost", BIFROST, {"OPENAI_KEY_OF_BIFROST": "sk-of-the-environment"})
FILE = YAML(typ="safe").load(MADE.text)
PROVIDERS = {one["name"]: one for one in FILE["providers"]}


def test_keys_with_the_same_models_share_a_provider() -> None:
    assert list(PROVIDERS) == ["openai", "openai-2", "azure", "mine"]
    assert PROVIDERS["openai"]["api-key-entries"] == [
        {"api-key": "${OPENAI_KEY_OF_BIFROST}", "weight": 70},
        {"api-key": "${OPENAI_API_KEY}", "weight": 30},
    ]
    assert "models" not in PROVIDERS["openai"]
    assert PROVIDERS["openai-2"]["models"] == ["gpt-4o-mini"]
    assert PROVIDERS["openai"]["timeouts"] == {"total": "60s"}


def test_deployments_of_azure_are_aliases() -> None:
    azure = PROVIDERS["azure"]
    assert azure["base-url"] == "https://eu.openai.azure.com/openai/v1"
    assert azure["models"] == [{"name": "dep", "alias": "gpt-4o"}]


def test_a_provider_of_ones_own() -> None:
    mine = PROVIDERS["mine"]
    assert mine["format"] == "anthropic"
    assert MADE.variables["MINE_PROXY_URL"] == "http://u:proxy-pass@10.0.0.1:3128"


def test_virtual_keys_keep_their_limits() -> None:
    key = KeyTable(MADE.config.clients).find("sk-bf-hidden")
    assert key is not None
    assert key.models.patterns == ("openai/gpt-4o", "azure/*")
    assert key.budgets.month == 50_000_000_000
    assert (key.limits.requests[0].amount, key.limits.requests[0].window) == (100, 3600)
    blocked = KeyTable(MADE.config.clients).find("sk-bf-hidden-b")
    assert blocked is not None
    assert blocked.blocked


def test_what_is_left_out() -> None:
    lost = left_out(MADE)
    assert "bedrock" in lost["providers.bedrock.keys[0].bedrock_key_config"]
    assert {"mcp", "plugins", "client", "governance.routing_rules",
            "governance.budgets[1].max_limit"} <= {*lost}  # fmt: skip
    assert "governance.budgets[0].max_limit" not in lost
