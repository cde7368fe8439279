"""Drafts a configuration from claude-code-router 3: its `config.sqlite`, or an export of it.

The shapes are those of its `packages/core/src/contracts/app.ts` and of the tables that
`config-repository.ts` makes: `app_config` with JSON in `value_json`, and `api_keys`.
"""

import json
import re
from collections.abc import Mapping

from switchyard.importers.draft import Draft
from switchyard.importers.draft import DraftKey
from switchyard.importers.draft import headers_of
from switchyard.importers.draft import key_entry
from switchyard.importers.known_providers import split_endpoint
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import values_of
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import SecretValue
from switchyard.importers.secret_names import secret_of

_REFERENCE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", re.ASCII)
_PROTOCOLS = {
    "anthropic_messages": "anthropic", "openai_chat_completions": "openai-chat",
    "openai_responses": "openai-responses", "gemini_generate_content": "gemini",
    "anthropic": "anthropic", "openai": "openai-chat", "gemini": "gemini",
}  # fmt: skip
_WINDOWS = {"m": "m", "h": "h", "d": "d"}
_WINDOW_NAMES = {"rp": "requests", "tp": "tokens"}
_PREFIX = re.compile(r"[A-Za-z0-9._:/-]+")
_OWN = (
    "agent", "autoStart", "botConfigs", "botGateway", "contextArchive", "gateway", "launchAtLogin",
    "mediaTools", "observability", "overviewWidgets", "plugins", "preferredProvider", "profile",
    "providerPlugins", "routerEndpoint", "theme", "toolHub", "trayComponentVariants", "trayIcon",
    "trayProgressTargetTokens", "trayShowTokenRate", "trayWidgets", "trayWindowModules",
    "configRevision",
)  # fmt: skip


def is_version_3(root: SourceMembers) -> bool:
    """Whether these are the tables, or the members, of version 3."""
    return any(name in root for name in ("app_config", "APIKEYS", "virtualModelProfiles"))


def draft_version_3(root: SourceMembers) -> Draft:
    """Returns the draft of the tables of `config.sqlite`, or of an `AppConfig`."""
    stored: list[SourceMembers] = []
    if "app_config" in root:
        root, stored = _from_tables(root)
    draft = Draft(root.report)
    proxy = _proxy(root.record("proxy"))
    for provider in root.records("Providers"):
        _add_provider(draft, provider, proxy)
    keys = [*root.records("APIKEYS"), *stored]
    for key in keys:
        _add_client_key(draft, key)
    single = root.text("APIKEY")
    if single and not keys:
        secret = secret_of(single, "client key", _REFERENCE)
        draft.client_keys.append({"key": secret, "name": "imported"})
    _read_router(draft, root.record("Router"))
    if milliseconds := root.number("API_TIMEOUT_MS"):
        draft.sections["timeouts"] = {"total": f"{milliseconds / 1000:g}s"}
    for profile in root.records("virtualModelProfiles"):
        profile.leave_all("is a model made of prompts and tools, which the router has not")
    root.leave("is an option of the start: scripts/start --host HOST --port PORT", "HOST", "PORT")
    root.leave("is a program; the router runs none", "CUSTOM_ROUTER_PATH")
    root.leave("is a setting of claude-code-router's own application", *_OWN)
    return draft


def _from_tables(root: SourceMembers) -> tuple[SourceMembers, list[SourceMembers]]:
    """Returns the configuration in `app_config`, and the rows of `api_keys` as its keys."""
    data: Mapping[str, object] = {}
    for row in root.records("app_config"):
        text = row.text("value_json")
        if row.text("key") == "default":
            value = _json(text)
            data = value if isinstance(value, dict) else {}
        else:
            row.leave_all("is state of claude-code-router's own application")
        row.take("updated_at")
    rows = root.take("api_keys")
    keys = []
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict):
            more = {name: row.get(name) for name in ("id", "name", "created_at")}
            key = {"expiresAt": row.get("expires_at"), "limits": _json(row.get("limits_json"))}
            if row.get("encryption") == "plain":
                key["key"] = row.get("encrypted_key")
            keys.append(root.inner({**more, **key}, f"api_keys[{index}]"))
    root.leave("is state of claude-code-router's own application", "config_schema_migrations",
               "runtime_state", "legacy_storage_backups", "legacy_storage_cleanup")  # fmt: skip
    return root.inner(data, ""), keys


def _json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) and text else None
    except ValueError:
        return None


def _add_provider(draft: Draft, provider: SourceMembers, proxy: SecretValue | None) -> None:
    wanted = provider.text("name", "provider")
    given = provider.text("api_base_url") or provider.text("baseUrl") or provider.text("baseurl")
    url, format = split_endpoint(given)
    kind = provider.text("type") or provider.text("protocol")
    format = format or _PROTOCOLS.get(kind, "")
    if not url:
        provider.leave_all("has no base URL")
        return
    if kind and kind not in _PROTOCOLS:
        provider.note("type", f"is {kind!r}; the provider is asked in {format or 'openai-chat'}")
    headers = dict(values_of(provider.record("extraHeaders")))
    models = provider.texts("models")
    name = draft.add_provider(
        wanted,
        provider.path,
        url=url,
        format=format,
        keys=_keys(provider, wanted),
        models=models,
        headers=headers_of(headers, wanted, draft.report, provider.at("extraHeaders")),
        proxy_url=proxy,
    )
    body = provider.record("extraBody")
    if params := {member: body.take(member) for member in body.names()}:
        draft.add_rule("override", {"models": models or [f"{name}/*"], "params": params})
    provider.leave("what a provider speaks belongs to `format` and `base-urls`", "capabilities")
    provider.leave("quota is read from the provider's answers", "account")
    provider.leave("only describes the provider", "id", "icon", "modelDisplayNames", "source",
                   "modelDescriptions", "modelMetadata", "presetId", "provider",
                   "website")  # fmt: skip
    provider.leave("the provider's profile does its work", "transformer")


def _keys(provider: SourceMembers, wanted: str) -> list[DraftKey]:
    found: list[DraftKey] = []
    single = provider.text("api_key") or provider.text("apiKey") or provider.text("apikey")
    for credential in provider.records("credentials"):
        text = credential.text("api_key") or credential.text("apiKey") or credential.text("apikey")
        if not text or not credential.flag("enabled", usual=True):
            credential.leave_all("is not enabled, or has no key")
            continue
        found.append(
            key_entry(
                secret_of(text, f"{wanted} api key", _REFERENCE),
                priority=credential.whole("priority"),
                weight=credential.whole("weight"),
                quota=_limits(credential.record("limits")) or None,
            )
        )
        credential.leave("only describes the key", "id", "label", "name", "account")
    if single and all(_text_of(one) != single for one in found):
        found.insert(0, key_entry(secret_of(single, f"{wanted} api key", _REFERENCE)))
    return found


def _text_of(entry: DraftKey) -> str:
    key = entry["api-key"]
    return key.value if isinstance(key, DraftSecret) else ""


def _limits(limits: SourceMembers) -> dict[str, list[str]]:
    """Returns `rpm`, `tph` and the like as rates of requests and tokens."""
    found: dict[str, list[str]] = {}
    for begin, unit in _WINDOW_NAMES.items():
        for end, window in _WINDOWS.items():
            if amount := limits.whole(f"{begin}{end}"):
                found.setdefault(unit, []).append(f"{amount}/{window}")
    for unit, most in (("requests", "maxRequests"), ("tokens", "maxTokens")):
        amount, window = (
            limits.whole(most),
            limits.whole("quotaWindowMs") or limits.whole("windowMs"),
        )
        if amount and window:
            found.setdefault(unit, []).append(f"{amount}/{window // 1000}s")
        elif amount:
            limits.drop("has no window", most)
    limits.leave("images are not counted", "ipm", "iph", "ipd")
    return found


def _add_client_key(draft: Draft, key: SourceMembers) -> None:
    text = key.text("key")
    if not text:
        key.leave_all("is encrypted, or has no key: make a new one with scripts/keys")
        return
    label = key.text("name", "imported")
    taken = {one["name"] for one in draft.client_keys}
    name = label if label not in taken else f"{label}-{len(taken) + 1}"
    secret = secret_of(text, f"client key {name}", _REFERENCE)
    client: dict[str, object] = {"key": secret, "name": name}
    if expires := key.text("expiresAt"):
        client["expires"] = expires
    if limits := _limits(key.record("limits")):
        client["limits"] = limits
    draft.client_keys.append(client)
    key.leave("only describes the key", "id", "createdAt", "created_at")


def _read_router(draft: Draft, router: SourceMembers) -> None:
    fallback = router.record("fallback")
    mode = fallback.text("mode", "off")
    chain = [_member(draft, one) for one in fallback.texts("models")]
    if mode == "model-chain" and chain:
        draft.add_combo("fallback", chain)
        draft.main_models.append("fallback")
        fallback.note("models", "is the combo 'fallback': ask for it, or add it to other combos")
    retries = fallback.whole("retryCount")
    if mode == "retry" and retries:
        draft.sections["retry"] = {"request-retry": retries}
    for rule in router.records("rules"):
        _read_rule(draft, rule)
    router.leave("the router knows these tools by itself", "builtInRules")


def _read_rule(draft: Draft, rule: SourceMembers) -> None:
    """Makes a route of a rule that looks at the beginning of the model's name."""
    kind, pattern, target = rule.text("type"), rule.text("pattern"), rule.text("target")
    provider, model = _split(draft, target)
    if not rule.flag("enabled", usual=True):
        rule.leave_all("is not enabled")
    elif kind != "model-prefix" or not _PREFIX.fullmatch(pattern) or not provider:
        rule.leave_all(f"is a rule of the type {kind[:20]!r}, which has no counterpart")
    else:
        route: dict[str, object] = {"pattern": f"^{re.escape(pattern)}", "provider": provider}
        if model:
            route["model"] = model
        routes = draft.sections.setdefault("routes", [])
        assert isinstance(routes, list)
        routes.append(route)
        rule.leave("requests are not rewritten by routes; use `payload`", "rewrite", "rewrites")
        rule.leave("a route has one target; use a combo", "fallback")
        rule.leave("only describes the rule", "id", "name")


def _split(draft: Draft, target: str) -> tuple[str, str]:
    provider, slash, model = target.replace(",", "/", 1).partition("/")
    return draft.renamed.get(provider.strip(), ""), model.strip() if slash else ""


def _member(draft: Draft, target: str) -> str:
    provider, model = _split(draft, target)
    return f"{provider}/{model}" if provider and model else target


def _proxy(proxy: SourceMembers) -> SecretValue | None:
    """Returns the proxy that requests to providers go through, if one is named."""
    upstream = proxy.record("upstream")
    custom = upstream.record("custom")
    server, port = custom.text("server"), custom.whole("port")
    user, password = custom.text("username"), custom.text("password")
    proxy.leave("the modes of the start do this: see docs/modes.md", "enabled", "host", "port",
                "mode", "systemProxy", "targets", "browserMode", "captureNetwork")  # fmt: skip
    if upstream.text("mode") != "custom" or not server:
        return None
    login = f"{user}:{password}@" if user else ""
    return DraftSecret(f"http://{login}{server}{f':{port}' if port else ''}", "proxy url")
