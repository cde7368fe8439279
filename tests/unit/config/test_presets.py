"""The shipped files: presets, the default configuration and the examples."""

import re
from datetime import UTC
from datetime import date
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.facts import facts
from scripts.facts import main as list_facts
from switchyard.config.load import load_config
from switchyard.config.presets import PRESETS
from switchyard.config.presets import preset_names
from switchyard.config.presets import read_preset
from switchyard.config.schema import Config
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.profiles import formats_of
from switchyard.routing.profiles import maker_of
from switchyard.routing.profiles import quirks_of
from switchyard.wire.translate.quirks import apply_quirks
from tests.unit.config.loading import key_of
from tests.unit.config.loading import load
from tests.unit.config.loading import problems

SHIPPED = PRESETS.parents[1]
EXAMPLES = sorted((SHIPPED / "examples").glob("*.yaml"))
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")

KEYS_BY_PROVIDER = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "cline": "CLINE_API_KEY",
    "groq": "GROQ_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "together": "TOGETHER_API_KEY",
    "cerebras": "CEREBRAS_API_KEY",
    "xai": "XAI_API_KEY",
    "zai": "ZAI_API_KEY",
    "moonshot": "MOONSHOT_API_KEY",
    "minimax": "MINIMAX_API_KEY",
}


def variables(path: Path) -> dict[str, str]:
    """A value for every variable that a file and the presets it uses need."""
    text = path.read_text() + "".join(one.read_text() for one in PRESETS.glob("*.yaml"))
    kinds = {"_URL": "https://env.example/v1", "_MS": "5000", "_STATE": "memory", "_USAGE": "on"}
    kinds["_METRICS"] = "127.0.0.1:9464"
    values = {name: f"value-of-{name}" for name in VARIABLE.findall(text)}
    for name in values:
        values[name] = next((kinds[end] for end in kinds if name.endswith(end)), values[name])
    return values


COPILOT = "accounts: {copilot: {preset: copilot, client-id: Ov23own, preview: true}}"
PREVIEWS = {"copilot": COPILOT, "kiro": "accounts: {kiro: {preset: kiro, preview: true}}"}
"""What a user has to say first for presets that are previews."""


def default(**env: str) -> Config:
    return load_config(SHIPPED / "default.yaml", env)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_whole_provider(name: str) -> None:
    text = (PRESETS / f"{name}.yaml").read_text()
    env = {one: "key" for one in VARIABLE.findall(text)}
    accounts = PREVIEWS.get(name, "")
    (provider,) = load(f"{accounts}\nproviders: [{{preset: {name}}}]", env).providers
    assert provider.name == name
    assert len(provider.api_key_entries) == text.count("\napi-key:") <= 1
    for format in provider.formats:
        parts = urlsplit(provider.url_for(format))
        assert parts.scheme == ("http" if parts.hostname == "127.0.0.1" else "https")
        assert not parts.path.endswith("/")
    assert set(provider.base_urls) <= set(provider.formats)


@pytest.mark.parametrize("name", preset_names())
def test_no_preset_holds_a_key(name: str) -> None:
    preset = read_preset(name, {})
    assert not preset.problems
    assert isinstance(preset.data, dict)
    key = preset.data.get("api-key", "${NONE}")
    assert isinstance(key, dict) or re.fullmatch(r"\$\{[A-Z0-9_]+\}", str(key))


def test_a_preset_gives_only_what_the_provider_does_not_say_itself() -> None:
    (provider,) = load(
        """
        providers:
          - preset: openrouter
            name: mine
            prefix: or
            api-key: own
            stream: force-on
            headers: {X-A: b}
        """
    ).providers
    assert (provider.name, provider.handle, provider.stream) == ("mine", "or", "force-on")
    assert [key_of(one) for one in provider.api_key_entries] == ["own"]
    assert provider.url_for("openai-chat") == "https://openrouter.ai/api/v1"
    assert provider.url_for("anthropic") == "https://openrouter.ai/api"


def test_a_key_never_goes_to_a_presets_other_addresses_once_the_address_is_ones_own() -> None:
    (provider,) = load(
        """
        providers:
          - {preset: deepseek, base-url: "https://mirror.example/v1", api-key: k}
        """
    ).providers
    assert provider.formats == ("openai-chat",)
    assert "deepseek.com" not in repr(provider)


def test_forwarded_credentials_replace_a_presets_key() -> None:
    (provider,) = load("providers: [{preset: cline, credentials: forward}]").providers
    assert provider.credentials == "forward"
    assert provider.api_key_entries == ()


@pytest.mark.parametrize(("name", "variable"), KEYS_BY_PROVIDER.items())
def test_by_default_a_provider_is_live_as_soon_as_its_key_is_set(name: str, variable: str) -> None:
    config = default(**{variable: "the-key"})
    assert [one.name for one in config.providers] == [name, "demo"]
    (entry,) = config.providers[0].api_key_entries
    assert key_of(entry) == "the-key"
    assert Catalog(config).resolve(f"{name}/some/model").targets[0].model == "some/model"


@pytest.mark.parametrize("env", [{}, {"OPENAI_API_KEY": ""}])
def test_by_default_and_without_any_key_the_demo_answers_and_nothing_else(env: dict) -> None:
    config = default(**env)
    assert [one.name for one in config.providers] == ["demo"]
    assert config.providers[0].builtin == "demo"
    assert config.client_keys == ()
    reasons = {one.provider.name: one.reason for one in config.not_live}
    assert reasons["openai"] == "the environment variable OPENAI_API_KEY is not set or empty"
    assert KEYS_BY_PROVIDER.keys() <= reasons.keys()
    catalog = Catalog(config)
    assert [one.name for one in catalog.names()] == ["demo/echo", "echo"]
    with pytest.raises(UnknownModel, match="openai: the environment variable OPENAI_API_KEY"):
        catalog.resolve("openai/gpt-5")


def test_by_default_nothing_is_told_at_the_start() -> None:
    config = default(**variables(SHIPPED / "default.yaml"))
    assert config.notices == () and config.not_live == ()


def test_by_default_the_variables_of_the_cline_proxy_hold() -> None:
    env = {"CLINE_API_KEY": "k", "CLINE_BASE_URL": "http://127.0.0.1:9/v1"}
    cline = default(**env, REQUEST_TIMEOUT_MS="5000").providers[0]
    assert (cline.base_url, cline.timeouts.total) == ("http://127.0.0.1:9/v1", 5)
    assert cline.stream == "default-off"
    usual = default(CLINE_API_KEY="k").providers[0]
    assert (usual.base_url, usual.timeouts.total) == ("https://api.cline.bot/api/v1", 1800)


def test_by_default_a_client_key_may_be_set() -> None:
    (key,) = default(SWITCHYARD_KEY="mine").client_keys
    assert key.get_secret_value() == "mine"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-5-mini", "openai"),
        ("o3", "openai"),
        ("claude-opus-4-6", "anthropic"),
        ("gemini-2.5-pro", "gemini"),
        ("deepseek-chat", "deepseek"),
        ("devstral-medium-2507", "mistral"),
        ("grok-4", "xai"),
        ("glm-4.7", "zai"),
        ("kimi-k2.6", "moonshot"),
        ("MiniMax-M2.7", "minimax"),
    ],
)
def test_by_default_well_known_models_are_found_without_their_provider(
    model: str, provider: str
) -> None:
    catalog = Catalog(default(**variables(SHIPPED / "default.yaml")))
    (target,) = catalog.resolve(model).targets
    assert (target.provider.name, target.model) == (provider, model)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_loads_and_all_its_names_resolve(path: Path) -> None:
    config = load_config(path, variables(path))
    assert config.not_live == ()
    catalog = Catalog(config)
    for name in config.combos.keys() | config.aliases.keys():
        assert catalog.resolve(name).targets


def test_the_cline_proxy_passes_every_model_and_the_clients_key_through() -> None:
    config = load_config(SHIPPED / "examples" / "cline-proxy.yaml", {})
    (target,) = Catalog(config).resolve("anthropic/claude-sonnet-4-6").targets
    assert (target.provider.name, target.model) == ("cline", "anthropic/claude-sonnet-4-6")
    assert target.provider.credentials == "forward"


OPTIONAL = """
    providers:
      - {name: always, base-url: "http://always"}
      - name: maybe
        optional: true
        base-url: http://maybe
        api-key-entries: [{api-key: "${KEY_1}"}, "${KEY_2}", {api-key: "${KEY_3}", weight: 2}]
"""


@pytest.mark.parametrize("given", [["KEY_1"], ["KEY_2"], ["KEY_1", "KEY_3"]])
def test_an_optional_provider_does_with_the_keys_it_has(given: list[str]) -> None:
    config = load(OPTIONAL, {name: f"value-{name}" for name in given})
    keys = [key_of(one) for one in config.providers[1].api_key_entries]
    assert keys == [f"value-{name}" for name in given]


def test_an_optional_provider_without_any_key_is_not_live() -> None:
    config = load(OPTIONAL)
    assert [one.name for one in config.providers] == ["always"]
    assert config.not_live[0].reason == (
        "the environment variables KEY_1, KEY_2, KEY_3 are not set or empty"
    )


def test_an_optional_provider_that_lacks_its_address_is_not_live() -> None:
    text = OPTIONAL.replace("http://maybe", "${MAYBE_URL}")
    (left_out,) = load(text, {"KEY_1": "k"}).not_live
    assert left_out.reason == "the environment variable MAYBE_URL is not set or empty"


def test_a_variable_missing_elsewhere_is_no_reason_to_leave_a_provider_out() -> None:
    text = OPTIONAL.replace("always, ", "always, optional: true, ")
    text += "    routes: [{pattern: a, provider: '${ROUTE}'}]\n"
    (found,) = problems(text, {"KEY_1": "k"})
    assert found.startswith("test.yaml:7: routes[0].provider: the environment variable ROUTE")


def test_an_optional_provider_is_checked_though_it_is_not_live() -> None:
    text = OPTIONAL + "        stream: of-course\n"
    assert [line.split(": ")[1] for line in problems(text)] == ["providers[1].stream"]


def test_names_of_a_provider_that_is_not_live_are_known() -> None:
    config = load(OPTIONAL + "    combos: {c: [maybe/x, always/y], d: [maybe/x]}\n")
    catalog = Catalog(config)
    assert [one.model for one in catalog.resolve("c").targets] == ["y"]
    assert [one.name for one in catalog.names()] == ["c"]
    with pytest.raises(UnknownModel, match="'d' is not live: maybe: the environment variables"):
        catalog.resolve("d")


def test_a_file_without_any_live_provider_is_refused() -> None:
    assert problems("providers: [{preset: openai, optional: true}]") == [
        "test.yaml:1: providers: no provider is live (openai: the environment variable "
        "OPENAI_API_KEY is not set or empty). Hint: set a variable."
    ]


def test_the_name_of_a_preset_is_the_name_of_its_profile() -> None:
    config = load(
        """
        providers:
          - {name: a, base-url: "http://a", profile: groq, models: [{name: m, profile: minimax}]}
          - {name: b, base-url: "http://b", profile: huggingface}
          - {name: c, base-url: "http://c", profile: {min-max-tokens: 16}}
        """
    )
    first, second, third = config.providers
    assert first.profile and first.profile.reasoning_field == "reasoning"
    assert first.models and first.models[0].profile
    assert first.models[0].profile.thinking_tag == "think"
    assert second.profile is None
    assert third.profile and third.profile.min_max_tokens == 16


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-5", "o3", "gpt-3.5-turbo"])
def test_openais_responses_api_gets_no_limit_that_it_refuses(model: str) -> None:
    (provider,) = load("providers: [{preset: openai, api-key: k}]", {}).providers
    quirks = quirks_of(provider, model)
    assert quirks is not None
    asked = {"model": model, "max_output_tokens": 1}
    assert apply_quirks(asked, "openai-responses", quirks)["max_output_tokens"] == 16


@pytest.mark.parametrize(
    ("preset", "model", "asks"),
    [
        ("openai", "gpt-4o", False), ("openai", "gpt-4.1-mini", False),
        ("openai", "gpt-5-chat-latest", False), ("openai", "gpt-5-mini", True),
        ("openai", "o3", True), ("github-models", "openai/gpt-4.1", False),
        ("groq", "llama-3.3-70b-versatile", False), ("groq", "openai/gpt-oss-120b", True),
    ],
)  # fmt: skip
def test_models_that_do_not_reason_are_not_asked_to(preset: str, model: str, asks: bool) -> None:
    (provider,) = load(f"providers: [{{preset: {preset}, api-key: k}}]", {}).providers
    quirks = quirks_of(provider, model)
    body = {"model": model, "reasoning_effort": "low", "messages": []}
    sent = body if quirks is None else apply_quirks(body, "openai-chat", quirks)
    assert ("reasoning_effort" in sent) == asks


def test_every_shipped_fact_has_a_source_and_a_date() -> None:
    found = list(facts())
    assert len(found) > 40
    wrong = [str(fact) for fact in found if not fact.source or fact.read is None]
    assert not wrong
    today = datetime.now(UTC).date()
    assert all(fact.read is not None and fact.read <= today for fact in found)


def test_a_fact_is_to_be_read_again_after_three_months(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
profile:
  source: docs.acme.example
  read: 2026-01-01
  by-model:
    - {models: ["a*"], read: 2026-06-01, thinking-off: false}
"""
    (tmp_path / "acme.yaml").write_text(text, encoding="utf-8")
    whole, some = facts(tmp_path)
    assert (some.source, some.models) == ("docs.acme.example", ("a*",))
    assert whole.is_stale(date(2026, 6, 2)) and not some.is_stale(date(2026, 6, 2))
    monkeypatch.setattr("scripts.facts.facts", lambda: [whole])
    assert list_facts(["--check"]) == 1
    assert "acme: docs.acme.example" in capsys.readouterr().out
    assert list_facts([]) == 0


@pytest.mark.parametrize("model", ["claude-fable-5", "claude-fable-5-2", "claude-mythos-5"])
def test_thinking_that_cannot_be_switched_off_is_not(model: str) -> None:
    (provider,) = load("providers: [{preset: anthropic, api-key: k}]", {}).providers
    quirks = quirks_of(provider, model)
    assert quirks is not None
    asked = {"model": model, "thinking": {"type": "disabled"}}
    told = apply_quirks(asked, "anthropic", quirks)
    assert told == {"model": model, "output_config": {"effort": "low"}}
    other = quirks_of(provider, "claude-opus-5")
    assert other is not None and apply_quirks(asked, "anthropic", other) is asked


@pytest.mark.parametrize(
    ("model", "formats"),
    [
        ("claude-opus-4.5", ("anthropic", "openai-chat")),
        ("gpt-5.1-codex", ("openai-responses",)),
        ("gpt-5-mini", ("openai-chat",)),
        ("gpt-4o", ("openai-chat",)),
        ("mine", ("openai-responses", "openai-chat")),
    ],
)
def test_models_of_copilot_have_less_formats_than_it(model: str, formats: tuple[str, ...]) -> None:
    own = "{name: mine, profile: {formats: [openai-responses, gemini, openai-chat]}}"
    provider = load(f"{COPILOT}\nproviders: [{{preset: copilot, models: [{own}]}}]").providers[0]
    assert formats_of(provider, model) == formats


def test_formats_that_a_provider_does_not_have_leave_it_as_it_is() -> None:
    text = "{name: p, base-url: 'https://p.example', profile: {formats: gemini}}"
    assert formats_of(load(f"providers: [{text}]").providers[0], "m") is None


@pytest.mark.parametrize("quirk", ["formats: openai-chatt", "formats: []", "initiator: openai"])
def test_wrong_formats_and_initiators(quirk: str) -> None:
    text = f"{{name: p, base-url: 'https://p.example', profile: {{{quirk}}}}}"
    assert problems(f"providers: [{text}]")


@pytest.mark.parametrize(
    ("model", "format", "maker"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", "anthropic"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-6",
            "anthropic",
            "anthropic",
        ),
        ("us.amazon.nova-2-lite-v1:0", "converse", "bedrock/us.amazon.nova-2-lite-v1:0"),
        ("us.deepseek.r1-v1:0", "converse", "bedrock/us.deepseek.r1-v1:0"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "anthropic", "anthropic"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/other", "converse", None),
    ],
)
def test_bedrock_asks_each_model_by_the_api_that_has_most_of_it(
    model: str, format: str, maker: str | None
) -> None:
    name = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"
    known = f"models: [{{name: '{name}', profile: {{formats: [anthropic], maker: anthropic}}}}]"
    text = f"providers: [{{preset: bedrock, {known}}}]"
    (provider,) = load(text, {"AWS_BEARER_TOKEN_BEDROCK": "k"}).providers
    assert formats_of(provider, model) == (format,)
    if maker is not None:
        assert maker_of(provider, model, quirks_of(provider, model)) == maker
