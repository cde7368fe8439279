"""LiteLLM's `config.yaml`."""

from ruamel.yaml import YAML

from switchyard.routing.explanation import explain
from tests.unit.importers.examples import LITELLM
from tests.unit.importers.running import imported
from tests.unit.importers.running import left_out

MADE = imported("litellm", LITELLM, {"EU_KEY": "some-value"})
FILE = YAML(typ="safe").load(MADE.text)
PROVIDERS = {one["name"]: one for one in FILE["providers"]}


def test_deployments_of_one_name_are_a_pool_with_fallbacks() -> None:
    found = explain(MADE.config, "gpt-4o")
    assert found.members[0].name == "gpt-4o-pool"
    pool = found.members[0]
    assert pool.order == "in turn"
    assert [(one.provider, one.model) for one in pool.targets] == [
        ("azure-like", "gpt-4o-eu"), ("openai", "gpt-4o"),
    ]  # fmt: skip
    assert [one.targets[0].provider for one in found.members[1:]] == [
        "anthropic",
        "groq",
        "openrouter",
    ]
    assert explain(MADE.config, "gpt-4").members == found.members


def test_an_order_makes_a_combo() -> None:
    assert FILE["combos"]["ranked"] == ["groq/qwen3-32b", "openrouter/qwen/qwen3"]


def test_keys_keep_their_limits() -> None:
    assert PROVIDERS["azure-like"]["api-key-entries"] == [
        {"api-key": "${EU_KEY}", "weight": 2, "quota": {"requests": "6/m", "tokens": "12000/m"}}
    ]
    assert PROVIDERS["azure-like"]["models"] == [{"name": "gpt-4o-eu", "context-window": 128000}]


def test_prices_are_for_a_million_tokens() -> None:
    assert FILE["prices"] == [{"models": ["gpt-4o"], "input": "2.5", "output": "10"}]


def test_wildcards_leave_a_provider_open() -> None:
    assert "models" not in PROVIDERS["mistral"]
    assert explain(MADE.config, "mistral/anything").served
    made = imported(
        "litellm",
        {
            "model_list": [
                {"model_name": "*", "litellm_params": {"model": "groq/*", "api_key": "x"}}
            ]
        },
    )
    assert explain(made.config, "anything").members[0].targets[0].provider == "groq"


def test_parameters_of_a_deployment_are_defaults() -> None:
    assert FILE["payload"] == {
        "default": [{"models": ["claude-sonnet-4-5"], "params": {"temperature": 0.2}}]
    }


def test_azure_is_called_at_its_v1_address() -> None:
    params = {"model": "azure/my-gpt", "api_base": "https://me.openai.azure.com/", "api_key": "x",
              "api_version": "2024-10-21"}  # fmt: skip
    made = imported("litellm", {"model_list": [{"model_name": "gpt", "litellm_params": params}]})
    assert made.config.providers[0].base_url == "https://me.openai.azure.com/openai/v1"
    assert explain(made.config, "gpt").members[0].targets[0].model == "my-gpt"
    assert "model_list[0].litellm_params.api_version" in left_out(made)


def test_models_on_bedrock_are_signed_for_their_region() -> None:
    params = {"model": "bedrock/converse/us.anthropic.claude-sonnet-4-5-v1:0",
              "aws_region_name": "eu-west-1", "aws_access_key_id": "AKIA1"}  # fmt: skip
    other = {"model": "bedrock/amazon.nova-pro-v1:0", "aws_region_name": "os.environ/REGION"}
    data = [
        {"model_name": "sonnet", "litellm_params": params},
        {"model_name": "nova", "litellm_params": other},
    ]
    made = imported("litellm", {"model_list": data})
    provider, second = made.config.providers
    assert (provider.platform, provider.formats) == ("bedrock", ("anthropic",))
    assert (second.platform, second.formats) == ("bedrock", ("converse",))
    assert second.base_url == "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert provider.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    target = explain(made.config, "sonnet").members[0].targets[0]
    assert (target.model, target.keys) == ("us.anthropic.claude-sonnet-4-5-v1:0", 1)
    assert "region: eu-west-1" in made.text
    lost = left_out(made)
    assert "model_list[0].litellm_params.aws_access_key_id" in lost


def test_what_cannot_be_taken_over() -> None:
    lost = left_out(MADE)
    assert "cohere" in lost["model_list[6].litellm_params"]
    assert {
        "router_settings.redis_host",
        "litellm_settings.callbacks",
        "environment_variables",
        "general_settings.alerting",
    } <= {*lost}
    assert FILE["clients"]["api-keys"][0] == {
        "key": "${LITELLM_MASTER_KEY}", "name": "master", "role": "admin",
    }  # fmt: skip
    assert FILE["timeouts"] == {"total": "120s"}
    assert FILE["retry"] == {"request-retry": 2}
