"""Drafts a configuration from Bifrost's `config.json`.

The shapes are those of its examples (`examples/configs/withvirtualkeys/config.json`).
"""

import re
from collections.abc import Mapping

from switchyard.importers.draft import Draft
from switchyard.importers.draft import DraftKey
from switchyard.importers.draft import headers_of
from switchyard.importers.draft import key_entry
from switchyard.importers.known_providers import known_providers
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import values_of
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import secret_of

NAME = "bifrost"

_REFERENCE = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
_WEIGHT = 100
"""Weights there are fractions; here they are whole numbers."""
_CLOUDS = {
    "bedrock_key_config": "has AWS credentials; see the preset `bedrock`",
    "vertex_key_config": "has Google credentials; see the preset `vertex`",
    "sgl_key_config": "has no counterpart",
    "vllm_key_config": "has no counterpart",
    "replicate_key_config": "has no counterpart",
}
_PERIODS = {"1d": "day", "24h": "day", "1w": "week", "7d": "week", "1M": "month", "30d": "month"}
_ALL = ["*"]


def draft_bifrost(root: SourceMembers) -> Draft:
    """Returns the draft of a `config.json`."""
    draft = Draft(root.report)
    providers = root.record("providers")
    for name in providers.names():
        _add_provider(draft, name, providers.record(name))
    _add_clients(draft, root.record("governance"))
    root.take("$schema")
    root.leave("is a setting of Bifrost's own server", "client", "framework", "config_store",
               "encryption_key", "auth_config", "server", "source_of_truth", "version")  # fmt: skip
    root.leave("the router keeps its own records; see docs/usage.md", "logs_store", "otel")
    root.leave("the router runs no tools and no plugins", "mcp", "plugins")
    root.leave("answers are not cached by likeness", "vector_store")
    draft.main_models = _main_models(draft)
    return draft


def _add_provider(draft: Draft, name: str, provider: SourceMembers) -> None:
    network = provider.record("network_config")
    custom = provider.record("custom_provider_config")
    base = custom.text("base_provider_type") or name
    url = network.text("base_url")
    settings = _network(draft, network, name)
    proxy = _proxy(provider.record("proxy_config"), name)
    for keys, models, place, path in _groups(provider, name):
        if not (place or url or base in known_providers()):
            draft.report.leave(path, f"the provider {name[:40]!r} has no preset and no base_url")
            continue
        draft.add_provider(
            name,
            path,
            url=place or url,
            preset=base,
            format="anthropic" if base == "anthropic" else "",
            keys=keys,
            models=models,
            proxy_url=proxy,
            **settings,  # pyright: ignore[reportArgumentType]
        )
    provider.leave("bounds of queues are `limits` and `max-concurrency` here",
                   "concurrency_and_buffer_size")  # fmt: skip
    provider.leave("is a setting of Bifrost's own answers", "send_back_raw_response",
                   "send_back_raw_request", "store_raw_request_response")  # fmt: skip
    provider.leave("has no counterpart", "openai_config", "prompt_cache", "pricing_overrides")
    custom.leave("has no counterpart", "allowed_requests", "request_path_overrides",
                 "is_key_less")  # fmt: skip


type _Group = tuple[list[DraftKey], list[object], str, str]


def _groups(provider: SourceMembers, name: str) -> list[_Group]:
    """Returns the keys with equal models and address, each group with both and its path."""
    groups: dict[str, _Group] = {}
    for key in provider.records("keys"):
        azure = key.record("azure_key_config")
        endpoint = azure.text("endpoint").rstrip("/")
        place = f"{endpoint}/openai/v1" if endpoint else ""
        azure.leave("the v1 address needs no version", "api_version")
        listed = key.texts("models")
        deployments: dict[str, str] = {}
        for given in (azure.record("deployments"), key.record("aliases")):
            for model, target in values_of(given):
                deployments[model] = target
                if listed not in ([], _ALL) and model not in listed:
                    given.drop("is none of the key's models", model)
        models = _models(listed, deployments)
        value = key.text("value")
        for described in ("id", "name"):
            key.take(described)
        clouds = [cloud for cloud in _CLOUDS if cloud in key]
        for cloud in clouds:
            key.leave(_CLOUDS[cloud], cloud)
        if clouds and not value:
            key.leave_all("has no key of its own")
            continue
        weight = key.number("weight")
        entry = key_entry(
            secret_of(value, f"{name} api key", _REFERENCE) if value else DraftSecret("", name),
            weight=max(1, round(weight * _WEIGHT)) if weight not in (None, 1) else None,
        )
        group = groups.setdefault(repr((models, place)), ([], models, place, key.path))
        if value:
            group[0].append(entry)
        key.leave("has no counterpart", "use_for_batch_api", "blacklisted_models", "config_hash",
                  "status", "enabled")  # fmt: skip
    return list(groups.values())


def _models(listed: list[str], deployments: Mapping[str, str]) -> list[object]:
    names = list(deployments) if listed in ([], _ALL) else listed
    found: list[object] = []
    for name in names:
        target = deployments.get(name, name)
        found.append(name if target == name else {"name": target, "alias": name})
    return found


def _network(draft: Draft, network: SourceMembers, name: str) -> dict[str, object]:
    headers = network.record("extra_headers")
    settings: dict[str, object] = {
        "headers": headers_of(dict(values_of(headers)), name, draft.report, headers.path)
    }
    if seconds := network.number("default_request_timeout_in_seconds"):
        settings["timeouts"] = {"total": f"{seconds:g}s"}
    network.leave("belongs to `retry` for all providers", "max_retries",
                  "retry_backoff_initial_ms", "retry_backoff_max_ms", "retry_backoff_initial",
                  "retry_backoff_max")  # fmt: skip
    network.leave("belongs to `tls` of a provider", "insecure_skip_verify", "ca_cert_pem")
    network.leave("has no counterpart", "stream_idle_timeout_in_seconds", "enforce_http2",
                  "max_conns_per_host", "beta_header_overrides")  # fmt: skip
    return settings


def _proxy(proxy: SourceMembers, name: str) -> object:
    kind, url = proxy.text("type"), proxy.text("url")
    user, password = proxy.text("username"), proxy.text("password")
    if kind in ("", "none", "environment") or not url:
        return None
    scheme, _, rest = url.rpartition("://")
    scheme = scheme or ("socks5" if kind == "socks5" else "http")
    whole = f"{scheme}://{user}:{password}@{rest}" if user else f"{scheme}://{rest}"
    return DraftSecret(whole, f"{name} proxy url") if "@" in whole else whole


def _add_clients(draft: Draft, governance: SourceMembers) -> None:
    budgets = {one.text("id"): one for one in governance.records("budgets")}
    rates = {one.text("id"): one for one in governance.records("rate_limits")}
    for key in governance.records("virtual_keys"):
        _add_client(draft, key, budgets, rates)
    for one in [*budgets.values(), *rates.values()]:
        one.leave("belongs to no virtual key", "max_limit", "token_max_limit", "request_max_limit")
        one.leave("only describes a limit", "reset_duration", "token_reset_duration",
                  "request_reset_duration", "current_usage", "last_reset", "calendar_aligned",
                  "token_current_usage", "token_last_reset", "request_current_usage",
                  "request_last_reset")  # fmt: skip
    governance.leave("teams, customers and rules are no part of the new file; give keys a "
                     "`policies` entry", "teams", "customers", "routing_rules", "model_configs",
                     "providers", "auth_config", "pricing_overrides", "complexity_analyzer_config",
                     "access_profiles", "guardrails_config", "business_units")  # fmt: skip


def _add_client(
    draft: Draft,
    key: SourceMembers,
    budgets: Mapping[str, SourceMembers],
    rates: Mapping[str, SourceMembers],
) -> None:
    value, name = key.text("value"), key.text("name", "imported")
    if not value:
        key.leave_all("has no value")
        return
    client: dict[str, object] = {"key": secret_of(value, f"client key {name}", _REFERENCE)}
    taken = {one["name"] for one in draft.client_keys}
    client["name"] = name if name not in taken else f"{name}-{len(taken)}"
    if not key.flag("is_active", usual=True):
        client["blocked"] = True
    models: list[str] = []
    for part in key.records("provider_configs"):
        provider = part.text("provider")
        models += [f"{provider}/{model}" for model in part.texts("allowed_models") or _ALL]
        part.leave("keys of a provider are chosen among for everybody", "key_ids", "weight",
                   "keys", "allow_all_keys", "budget", "rate_limit", "budget_id",
                   "rate_limit_id", "budgets", "id")  # fmt: skip
    if models:
        client["models"] = models
    inline = [key.record("budget"), key.record("rate_limit")]
    budget = budgets.get(key.text("budget_id"), inline[0])
    if (most := budget.number("max_limit")) is not None:
        period = _PERIODS.get(budget.text("reset_duration"), "total")
        client["budgets"] = {period: f"{most:g} USD"}
    rate = rates.get(key.text("rate_limit_id"), inline[1])
    limits = {
        unit: f"{amount}/{rate.text(f'{word}_reset_duration') or '1m'}"
        for unit, word in (("requests", "request"), ("tokens", "token"))
        if (amount := rate.whole(f"{word}_max_limit"))
    }
    if limits:
        client["limits"] = limits
    draft.client_keys.append(client)
    key.leave("only describes the key", "id", "description", "created_at", "updated_at",
              "config_hash", "calendar_aligned")  # fmt: skip
    key.leave("teams and customers are no part of the new file; give keys a `policies` entry",
              "team_id", "customer_id", "mcp_configs", "budgets")  # fmt: skip


def _main_models(draft: Draft) -> list[str]:
    found: list[str] = []
    for provider in draft.providers:
        models = provider.get("models")
        for model in models[:2] if isinstance(models, list) else []:
            name = model["alias"] if isinstance(model, dict) else model
            found.append(f"{provider['name']}/{name}")
    return found
