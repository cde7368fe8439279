"""Drafts a configuration from LiteLLM's proxy `config.yaml`.

The shapes are those of docs.litellm.ai/docs/proxy/configs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from urllib.parse import urlsplit

from switchyard.importers.draft import Draft
from switchyard.importers.draft import DraftKey
from switchyard.importers.draft import headers_of
from switchyard.importers.draft import key_entry
from switchyard.importers.known_providers import known_providers
from switchyard.importers.known_providers import split_endpoint
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import values_of
from switchyard.importers.secret_names import SecretValue
from switchyard.importers.secret_names import secret_of

NAME = "litellm"

_REFERENCE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
_CLAUDE = "anthropic."
"""Stands in the ids of Bedrock's Claude models."""
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d", re.ASCII)
_PRESETS = {
    "together_ai": "together", "fireworks_ai": "fireworks", "nvidia_nim": "nvidia",
    "ollama_chat": "ollama", "lm_studio": "lmstudio", "hosted_vllm": "vllm",
    "text-completion-openai": "openai", "github": "github-models",
}  # fmt: skip
"""Providers of LiteLLM that have another name here."""
_FORMATS = {"anthropic": "anthropic", "ollama": "ollama", "ollama_chat": "ollama"}
_STRATEGIES = {
    "simple-shuffle": "weighted",
    "least-busy": "least-busy",
    "usage-based-routing": "least-busy",
    "usage-based-routing-v2": "least-busy",
}
_MILLION = 1_000_000


@dataclass(slots=True)
class _Place:
    """One upstream account: deployments that share it become one provider."""

    provider: str
    url: str
    format: str
    origin: str
    keys: list[DraftKey] = field(default_factory=list)
    models: dict[str, dict[str, object]] = field(default_factory=dict)
    headers: dict[str, object] = field(default_factory=dict)
    more: dict[str, object] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Deployment:
    """One entry of `model_list`, as a member of the group that its name makes."""

    place: _Place
    model: str
    order: int


def draft_litellm(root: SourceMembers) -> Draft:
    """Returns the draft of a `config.yaml`."""
    draft = Draft(root.report)
    places: dict[object, _Place] = {}
    groups: dict[str, list[_Deployment]] = {}
    for entry in root.records("model_list"):
        name = entry.text("model_name")
        if deployment := _deployment(draft, entry, places):
            groups.setdefault(name or deployment.model, []).append(deployment)
    for place in places.values():
        place.name = draft.add_provider(
            place.provider,
            place.origin,
            url=place.url,
            preset=_PRESETS.get(place.provider, place.provider),
            format=place.format,
            keys=place.keys,
            models=[_model(name, more) for name, more in place.models.items()],
            headers=place.headers,
            **place.more,
        )
    _add_groups(draft, groups)
    _read_router(draft, root.record("router_settings"), root)
    _read_general(draft, root.record("general_settings"))
    root.leave("is no part of routing; see docs/usage.md for records of requests", "guardrails",
               "callback_settings", "mcp_servers", "mcp_tools", "vector_store_registry",
               "files_settings", "finetune_settings", "credential_list", "search_tools",
               "assistant_settings", "prompts")  # fmt: skip
    root.leave("the new file cannot set variables; set them where the router starts",
               "environment_variables")  # fmt: skip
    return draft


def _deployment(
    draft: Draft, entry: SourceMembers, places: dict[object, _Place]
) -> _Deployment | None:
    params = entry.record("litellm_params")
    info = entry.record("model_info")
    full = params.text("model")
    provider, slash, model = full.partition("/")
    custom = params.text("custom_llm_provider")
    if custom or not slash:
        provider, model = custom or _vendor(full), full
    url, said = split_endpoint(params.text("api_base") or params.text("base_url"))
    if provider == "azure" and url and not urlsplit(url).path:
        url = f"{url}/openai/v1"  # where deployments are models, and no version is named
    aws: dict[str, object] = {}
    if provider == "bedrock" and not url:
        url, model, aws = _bedrock(params, model)
    preset = _PRESETS.get(provider, provider)
    if not model or not (url or preset in known_providers()):
        if info.names():
            info.leave_all("belongs to that model")
        params.leave_all(f"the provider {provider[:40]!r} has no preset and no api_base here")
        return None
    key = params.text("api_key")
    secret = secret_of(key, f"{provider} api key", _REFERENCE) if key else aws or None
    format = said or _FORMATS.get(provider, "")
    if aws:
        format = "anthropic" if _CLAUDE in model else "converse"
    mark = (provider, url, format, params.text("organization"), repr(params.take("extra_headers")))
    place = places.get(mark)
    if place is None:
        place = places[mark] = _Place(provider, url, format, entry.path)
        _read_account(draft, params, place)
        if aws:
            place.more["platform"] = "bedrock"
    elif entry.path not in place.origin and len(place.origin) < 200:
        place.origin += f", {entry.path}"
    _add_key(place, secret, params)
    _read_model(draft, place.models.setdefault(model, {}), model, params, info)
    return _Deployment(place, model, params.whole("order") or 0)


def _bedrock(params: SourceMembers, model: str) -> tuple[str, str, dict[str, object]]:
    """Returns address, name and credentials of a model."""
    name = model.removeprefix("converse/").removeprefix("invoke/")
    region, profile = params.text("aws_region_name"), params.text("aws_profile_name")
    if not _REGION.fullmatch(region):
        params.note("aws_region_name", "names no region: us-east-1 is written")
        region = "us-east-1"
    settings = {"region": region, **({"profile": profile} if profile else {})}
    return f"https://bedrock-runtime.{region}.amazonaws.com", name, {"aws": settings}


def _add_key(
    place: _Place, secret: SecretValue | dict[str, object] | None, params: SourceMembers
) -> None:
    """Adds a key with its limits, unless the place has the key already."""
    quota = {
        unit: f"{amount}/m"
        for unit, name in (("requests", "rpm"), ("tokens", "tpm"))
        if (amount := params.whole(name))
    }
    weight = params.whole("weight")
    concurrency = params.whole("max_parallel_requests")
    if secret is not None and all(one["api-key"] != secret for one in place.keys):
        place.keys.append(
            key_entry(secret, weight=weight, quota=quota or None, max_concurrency=concurrency)
        )
    elif quota or weight or concurrency:
        params.note("", "limits and weights belong to keys here: those of its first model hold")


def _read_account(draft: Draft, params: SourceMembers, place: _Place) -> None:
    headers = dict(values_of(params.record("extra_headers")))
    if organization := params.text("organization"):
        headers["OpenAI-Organization"] = organization
    place.headers = headers_of(headers, place.provider, draft.report, params.at("extra_headers"))
    if seconds := params.number("timeout"):
        place.more["timeouts"] = {"total": f"{seconds:g}s"}


def _read_model(
    draft: Draft, more: dict[str, object], model: str, params: SourceMembers, info: SourceMembers
) -> None:
    """Reads what a deployment says of its model."""
    params.take("timeout")
    if window := info.whole("max_input_tokens") or info.whole("context_window"):
        more["context-window"] = window
    price = {
        name: f"{cost * _MILLION:.6f}".rstrip("0").rstrip(".")
        for name, member in (
            ("input", "input_cost_per_token"),
            ("output", "output_cost_per_token"),
            ("cache-read", "cache_read_input_token_cost"),
            ("cache-write", "cache_creation_input_token_cost"),
        )
        if (cost := _first(params.number(member), info.number(member))) is not None
    }
    if price:
        rule = {"models": [model], "input": "0", "output": "0", **price}
        rules = draft.sections.setdefault("prices", [])
        assert isinstance(rules, list)
        rules.append(rule)
    for name in ("drop_params", "additional_drop_params", "merge_reasoning_content_in_choices"):
        params.leave("the router drops by itself what a provider cannot take", name)
    params.leave("is no setting of one model here; see `retry` and `cooldown`", "max_retries",
                 "num_retries", "cooldown_time", "stream_timeout")  # fmt: skip
    params.leave("budgets belong to client keys here", "max_budget", "budget_duration")
    params.leave("the new file has no such credential for this provider", "aws_access_key_id",
                 "aws_secret_access_key", "aws_region_name", "aws_session_name", "aws_role_name",
                 "aws_profile_name", "vertex_project", "vertex_location", "vertex_credentials",
                 "api_version", "azure_ad_token", "tenant_id", "client_id", "client_secret",
                 "litellm_credential_name")  # fmt: skip
    info.leave("only describes the model", "id", "mode", "base_model", "max_tokens", "version",
               "max_output_tokens", "supports_function_calling", "supports_vision", "description",
               "access_groups", "tier", "team_id", "db_model", "litellm_provider")  # fmt: skip
    _read_defaults(draft, model, params)


def _read_defaults(draft: Draft, model: str, params: SourceMembers) -> None:
    """Reads parameters that a deployment adds to requests which lack them."""
    names = ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "seed",
             "extra_body", "reasoning_effort", "stop")  # fmt: skip
    given: dict[str, object] = {}
    for name in names:
        value = params.take(name)
        if isinstance(value, dict) and name == "extra_body":
            given.update(value)
        elif value is not None:
            given[name] = value
    if given:
        draft.add_rule("default", {"models": [model], "params": given})


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _vendor(model: str) -> str:
    """Returns whose model a name without a provider is, as LiteLLM guesses it."""
    begins = {"claude": "anthropic", "gemini": "gemini", "command": "cohere"}
    return next((vendor for word, vendor in begins.items() if model.startswith(word)), "openai")


def _model(name: str, more: Mapping[str, object]) -> object:
    return {"name": name, **more} if more else name


def _add_groups(draft: Draft, groups: Mapping[str, list[_Deployment]]) -> None:
    """Makes an alias of each model name; deployments with an `order` make a combo."""
    for name, deployments in groups.items():
        members = [f"{one.place.name}/{one.model}" for one in deployments]
        if "*" in name:
            _add_wildcard(draft, name, deployments[0])
            continue
        draft.main_models.append(name)
        orders = sorted({one.order for one in deployments})
        if len(orders) == 1:
            if members != [name]:
                draft.aliases[name] = list(dict.fromkeys(members))
            continue
        ranked = sorted(zip(deployments, members, strict=True), key=lambda pair: pair[0].order)
        draft.add_combo(name, [member for _one, member in ranked])


def _add_wildcard(draft: Draft, name: str, deployment: _Deployment) -> None:
    """Lets a provider take any name, where the source has `provider/*`."""
    provider = draft.provider(deployment.place.name)
    provider.pop("models", None)
    pattern = "^" + ".+".join(map(re.escape, name.split("*"))) + "$"
    if name != f"{deployment.place.name}/*":
        routes = draft.sections.setdefault("routes", [])
        assert isinstance(routes, list)
        routes.append({"pattern": pattern, "provider": deployment.place.name})
        draft.report.note(f"model_list {name}", "the provider is asked for the whole name")


def _read_router(draft: Draft, router: SourceMembers, root: SourceMembers) -> None:
    litellm = root.record("litellm_settings")
    strategy = router.text("routing_strategy")
    if strategy in _STRATEGIES:
        for provider in draft.providers:
            if "api-key-entries" in provider:
                provider["strategy"] = _STRATEGIES[strategy]
    elif strategy:
        router.drop("has no counterpart; keys and members take turns", "routing_strategy")
    for settings in (router, litellm):
        _read_fallbacks(draft, settings)
        retries = settings.whole("num_retries")
        if retries is not None:
            draft.sections["retry"] = {"request-retry": retries}
        seconds = settings.number("request_timeout") or settings.number("timeout")
        if seconds:
            draft.sections["timeouts"] = {"total": f"{seconds:g}s"}
        settings.leave("the router measures failures by itself; see `cooldown`", "allowed_fails",
                       "allowed_fails_policy", "retry_policy", "retry_after")  # fmt: skip
    if seconds := router.number("cooldown_time"):
        draft.sections["cooldown"] = {"base": f"{seconds:g}s"}
    for name, target in values_of(router.record("model_group_alias")):
        if name not in draft.combos:
            draft.aliases[name] = [target]
    _leave_settings(router, litellm)


def _leave_settings(router: SourceMembers, litellm: SourceMembers) -> None:
    router.leave("state is shared by `state`, if at all: see docs/configuration.md", "redis_host",
                 "redis_port", "redis_password", "redis_url")  # fmt: skip
    router.leave("the router looks at each request by itself", "enable_pre_call_checks",
                 "enable_tag_filtering", "routing_strategy_args", "default_max_parallel_requests",
                 "set_verbose", "optional_pre_call_checks", "routing_groups")  # fmt: skip
    litellm.leave("the router drops by itself what a provider cannot take", "drop_params",
                  "modify_params")  # fmt: skip
    litellm.leave("the router keeps its own records; see docs/usage.md", "callbacks",
                  "success_callback", "failure_callback", "service_callback", "json_logs",
                  "set_verbose", "turn_off_message_logging",
                  "redact_user_api_key_info")  # fmt: skip
    litellm.leave("answers are not cached", "cache", "cache_params", "enable_caching_on_provider")
    litellm.leave("budgets belong to client keys; see docs/keys.md", "max_budget",
                  "budget_duration", "default_internal_user_params", "default_team_settings",
                  "max_internal_user_budget", "upperbound_key_generate_params")  # fmt: skip


def _read_fallbacks(draft: Draft, settings: SourceMembers) -> None:
    """Makes combos: a name with fallbacks becomes a combo of itself and these."""
    for member in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        for entry in settings.records(member):
            for name in entry.names():
                _add_fallbacks(draft, name, entry.texts(name), member == "content_policy_fallbacks")
    for name in settings.texts("default_fallbacks"):
        for group in draft.main_models:
            if group != name:
                _add_fallbacks(draft, group, [name], False)


def _add_fallbacks(draft: Draft, name: str, others: list[str], on_refusal: bool) -> None:
    first = draft.aliases.pop(name, None)
    if first is not None and len(first) > 1:
        # A pool that takes turns stays together under a name of its own.
        draft.aliases[f"{name}-pool"] = first
        first = [f"{name}-pool"]
    combo = draft.combos.get(name)
    members = combo["members"] if combo else first
    known = members if isinstance(members, list) else [name]
    draft.add_combo(name, [*known, *others], fallback_on_refusal=on_refusal)


def _read_general(draft: Draft, general: SourceMembers) -> None:
    if key := general.text("master_key"):
        secret = secret_of(key, "litellm master key", _REFERENCE)
        draft.client_keys.append({"key": secret, "name": "master", "role": "admin"})
    if general.text("database_url"):
        general.note("database_url", "keys of the database are read with --url and the master key")
    general.leave("belongs to LiteLLM's database and its user interface", "store_model_in_db",
                  "database_connection_pool_limit", "alerting", "alerting_threshold",
                  "ui_access_mode", "proxy_batch_write_at", "disable_spend_logs",
                  "health_check_interval", "background_health_checks", "enable_jwt_auth",
                  "litellm_jwtauth", "allow_user_auth", "max_request_size_mb",
                  "use_client_credentials_pass_through", "pass_through_endpoints",
                  "store_prompts_in_spend_logs")  # fmt: skip
