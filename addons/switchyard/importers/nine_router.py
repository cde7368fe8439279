"""Drafts a configuration from 9router: `db.json` up to 0.4, the SQLite database of 0.5, exports.

The shapes are those of its `src/lib/localDb.js` and `src/lib/db/schema.js`; the members of an
export are those of `db.json`.
"""

import json
from collections.abc import Mapping

from switchyard.importers.draft import Draft
from switchyard.importers.draft import DraftKey
from switchyard.importers.draft import key_entry
from switchyard.importers.known_providers import known_providers
from switchyard.importers.known_providers import split_endpoint
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import values_of
from switchyard.importers.secret_names import DraftSecret

NAME = "9router"

_PRESETS = {"glm": "zai-coding", "fireworks-ai": "fireworks", "together-ai": "together",
            "nvidia-nim": "nvidia", "google": "gemini"}  # fmt: skip
"""Providers of 9router that have another name here."""
_SHORT = {
    "claude": "cc", "codex": "cx", "gemini-cli": "gc", "qwen": "qw", "iflow": "if",
    "antigravity": "ag", "github": "gh", "kiro": "kr", "cursor": "cu", "cline": "cl",
}  # fmt: skip
"""What stands before the slash in names of models, where it is not the provider's own name."""
_STRATEGIES = {"round-robin": "round-robin", "fill-first": "fill-first", "fallback": "fill-first"}
_STATE = ("id", "createdAt", "updatedAt", "testStatus", "lastTested", "lastError", "lastErrorAt",
          "rateLimitedUntil", "errorCode", "backoffLevel", "consecutiveUseCount", "lastUsedAt",
          "lastRefreshAt", "expiresIn", "email", "displayName")  # fmt: skip
_TABLES = ("providerConnections", "providerNodes", "proxyPools", "apiKeys", "combos")
_SCOPES = ("modelAliases", "customModels", "mitmAlias", "pricing", "disabledModels")
_PRICES = {"input": "input", "output": "output", "cached": "cache-read",
           "cache_creation": "cache-write"}  # fmt: skip


def draft_nine_router(root: SourceMembers) -> Draft:
    """Returns the draft of `db.json`, of an export, or of the tables of the database."""
    if "kv" in root or "_meta" in root:
        root = _from_tables(root)
    draft = Draft(root.report)
    settings = root.record("settings")
    pools = _proxies(root)
    nodes = {node.text("id"): node for node in root.records("providerNodes")}
    proxy = settings.text("outboundProxyUrl") if settings.flag("outboundProxyEnabled") else ""
    _add_connections(draft, root, nodes, pools, proxy)
    for node in nodes.values():
        node.leave("has no connection with a key", "name", "prefix", "baseUrl")
        node.leave("only describes the node", *_STATE, "apiType", "type")
    _read_strategies(draft, settings, root)
    for index, key in enumerate(root.records("apiKeys")):
        _add_client_key(draft, key, index)
    _add_names(draft, root)
    _read_prices(draft, root.record("pricing"))
    _leave_settings(settings, root)
    return draft


def _from_tables(root: SourceMembers) -> SourceMembers:
    """Returns the tables of the database in the shape of `db.json`."""
    data: dict[str, object] = {}
    for table in _TABLES:
        rows = root.take(table)
        data[table] = [_row(row) for row in rows] if isinstance(rows, list) else []
    rows = root.take("settings")
    first = rows[0] if isinstance(rows, list) and rows else {}
    data["settings"] = _json(first.get("data") if isinstance(first, dict) else None)
    scopes: dict[str, dict[str, object]] = {}
    values = root.take("kv")
    for row in values if isinstance(values, list) else []:
        if isinstance(row, dict):
            scopes.setdefault(str(row.get("scope")), {})[str(row.get("key"))] = _json(row["value"])
    data.update(scopes)
    custom = scopes.get("customModels", {})
    data["customModels"] = list(custom.values())
    root.take("_meta")
    root.leave("records of requests stay where they are",
               "usageHistory", "usageDaily", "requestDetails")  # fmt: skip
    return root.inner(data, root.path)


def _row(row: object) -> object:
    """Returns a row with the members of its column `data`; lists are written as JSON."""
    if not isinstance(row, Mapping):
        return row
    found = {name: value for name, value in row.items() if name != "data" and value is not None}
    more = _json(row.get("data"))
    found = {**(more if isinstance(more, dict) else {}), **found}
    if isinstance(found.get("models"), str):
        found["models"] = _json(found["models"])
    return found


def _json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def _proxies(root: SourceMembers) -> dict[str, str]:
    """Returns the addresses of the proxy pools that are active, by id."""
    found = {}
    for pool in root.records("proxyPools"):
        if pool.flag("isActive", usual=True) and (url := pool.text("proxyUrl")):
            found[pool.text("id")] = url
        else:
            pool.leave_all("is not active, or has no address")
        pool.leave("hosts that no proxy is used for are those of NO_PROXY here", "noProxy")
        pool.leave("only describes the pool", *_STATE, "name", "type", "strictProxy")
    return found


def _add_connections(
    draft: Draft,
    root: SourceMembers,
    nodes: Mapping[str, SourceMembers],
    pools: Mapping[str, str],
    proxy: str,
) -> None:
    """Makes one provider of the connections that have the same one, by priority."""
    groups: dict[str, list[tuple[int, DraftKey]]] = {}
    origins: dict[str, str] = {}
    urls: dict[str, str] = {}
    for connection in root.records("providerConnections"):
        provider = connection.text("provider")
        node = nodes.get(provider)
        more = connection.record("providerSpecificData")
        url = more.text("baseUrl")
        key = connection.text("apiKey")
        why = _unusable(connection, provider, url, key, node is not None)
        if why:
            connection.leave_all(why)
            continue
        priority = connection.whole("priority") or 0
        own = pools.get(more.text("proxyPoolId"), "")
        if more.flag("connectionProxyEnabled"):
            own = more.text("connectionProxyUrl") or own
        name = node.text("name") if node else provider
        entry = key_entry(
            DraftSecret(key, f"{name} api key"),
            proxy_url=DraftSecret(own, f"{name} proxy url") if own else None,
        )
        groups.setdefault(provider, []).append((priority, entry))
        origins.setdefault(provider, connection.path)
        urls.setdefault(provider, url)
        connection.take("id")
        connection.leave("only describes the connection", *_STATE, "name", "globalPriority",
                         "defaultModel")  # fmt: skip
        more.leave("only describes the node", "prefix", "apiType", "nodeName", "connectionNoProxy")
    for provider, entries in groups.items():
        _add_provider(draft, provider, nodes.get(provider), urls[provider], entries,
                      origins[provider], proxy)  # fmt: skip


def _unusable(connection: SourceMembers, provider: str, url: str, key: str, has_node: bool) -> str:
    """Returns why a connection cannot be taken over; empty if it can."""
    kind = connection.text("authType", "apikey")
    if not connection.flag("isActive", usual=True):
        return "is not active"
    if kind != "apikey":
        return f"is an account with {kind[:20]}: log in again with scripts/login"
    if not key:
        return "has no key"
    known = _PRESETS.get(provider, provider) in known_providers()
    if not (known or url or has_node):
        return f"the provider {provider[:40]!r} has no preset here; add it with its base-url"
    return ""


def _add_provider(
    draft: Draft,
    provider: str,
    node: SourceMembers | None,
    url: str,
    entries: list[tuple[int, DraftKey]],
    origin: str,
    proxy: str,
) -> None:
    format, prefix, wanted = "", _SHORT.get(provider, ""), provider
    if node is not None:
        wanted, prefix = node.text("name", "node"), node.text("prefix")
        given = url or node.text("baseUrl")
        url, format = split_endpoint(given)
        if node.text("type").startswith("anthropic"):
            format = "anthropic"
        elif node.text("apiType") == "responses":
            format = "openai-responses"
        node.take("baseUrl")
    # The lowest number comes first there, the highest here.
    ranked = [(-priority, dict(entry)) for priority, entry in sorted(entries, key=lambda e: e[0])]
    many = len({rank for rank, _entry in ranked}) > 1
    keys = [{**entry, "priority": rank} if many else entry for rank, entry in ranked]
    name = draft.add_provider(
        wanted,
        origin,
        url=url,
        preset="" if node else _PRESETS.get(provider, provider),
        format=format,
        keys=keys,
        prefix=prefix if prefix != wanted else "",
        proxy_url=DraftSecret(proxy, "proxy url") if "@" in proxy else proxy,
    )
    draft.renamed[provider] = draft.renamed[prefix or provider] = name


def _read_strategies(draft: Draft, settings: SourceMembers, root: SourceMembers) -> None:
    usual = settings.text("comboStrategy", "fallback")
    own = settings.record("comboStrategies")
    for combo in root.records("combos"):
        name = combo.text("name")
        mine = own.record(name) if name in own else None
        strategy = (mine.text("fallbackStrategy") if mine else "") or usual
        kind = combo.text("kind")
        if strategy == "fusion" or kind not in ("", "llm", "chat"):
            combo.leave_all(
                f"is a combo of the kind {kind or strategy!r}, which the router has not"
            )
            continue
        members = [_member(draft, model) for model in combo.texts("models")]
        same = _STRATEGIES.get(strategy, "fill-first")
        draft.add_combo(name, members, strategy="" if same == "fill-first" else same)
        draft.main_models.append(name)
        combo.take("id")
        combo.leave("only describes the combo", *_STATE)
    strategies = settings.record("providerStrategies")
    for provider in strategies.names():
        mine = strategies.record(provider)
        strategy = _STRATEGIES.get(mine.text("fallbackStrategy"), "")
        if provider in draft.renamed and strategy:
            draft.provider(draft.renamed[provider])["strategy"] = strategy
        else:
            strategies.drop("is no strategy of a provider in the new file", provider)
        mine.leave("keys take turns with each request", "stickyRoundRobinLimit")


def _member(draft: Draft, model: str) -> str:
    """Returns `provider/model` with the provider's name in the new file."""
    handle, slash, rest = model.partition("/")
    return f"{draft.renamed.get(handle, handle)}/{rest}" if slash else model


def _add_client_key(draft: Draft, key: SourceMembers, index: int) -> None:
    text = key.text("key")
    if not text or not key.flag("isActive", usual=True):
        key.leave_all("is not active")
        return
    label = key.text("name") or f"imported-{index + 1}"
    taken = {one["name"] for one in draft.client_keys}
    label = label if label not in taken else f"{label}-{index + 1}"
    secret = DraftSecret(text, f"client key {label}")
    draft.client_keys.append({"key": secret, "name": label})
    key.take("id")
    key.leave("only describes the key", *_STATE, "machineId")
    key.leave("groups of keys are `policies` here", "groupId")


def _add_names(draft: Draft, root: SourceMembers) -> None:
    for alias, model in values_of(root.record("modelAliases")):
        if alias not in draft.combos:
            draft.aliases[alias] = [_member(draft, model)]
            draft.main_models.append(alias)
    disabled = root.record("disabledModels")
    for provider in disabled.names():
        models = disabled.texts(provider)
        if provider in draft.renamed:
            draft.provider(draft.renamed[provider])["excluded-models"] = models
        elif models:
            disabled.drop("belongs to a provider that is left out", provider)
    root.leave("providers without a list take any model", "customModels")


def _read_prices(draft: Draft, pricing: SourceMembers) -> None:
    """Reads prices, in US dollars a million tokens."""
    rules: list[object] = []
    for provider in pricing.names():
        models = pricing.record(provider)
        for model in models.names():
            price = models.record(model)
            found = {
                ours: f"{value:g}"
                for theirs, ours in _PRICES.items()
                if (value := price.number(theirs)) is not None
            }
            if found:
                rules.append({"models": [model], "input": "0", "output": "0", **found})
                if provider in draft.renamed:
                    rules[-1]["provider"] = draft.renamed[provider]  # type: ignore[index]
            price.leave("is billed as output", "reasoning")
    if rules:
        draft.sections["prices"] = rules


def _leave_settings(settings: SourceMembers, root: SourceMembers) -> None:
    settings.leave("keys and members take turns with each request", "stickyRoundRobinLimit",
                   "comboStickyRoundRobinLimit", "fallbackStrategy")  # fmt: skip
    settings.leave("hosts that no proxy is used for are those of NO_PROXY here", "outboundNoProxy")
    settings.leave("the dashboard has keys of its own; see docs/keys.md", "requireLogin",
                   "password", "authMode", "oidcIssuerUrl", "oidcClientId", "oidcClientSecret",
                   "oidcScopes", "oidcLoginLabel", "requireApiKey",
                   "tunnelDashboardAccess")  # fmt: skip
    settings.leave("the router has no tunnels and no cloud", "cloudEnabled", "cloudUrl",
                   "tunnelEnabled", "tunnelUrl", "tunnelProvider", "tailscaleEnabled",
                   "tailscaleUrl")  # fmt: skip
    settings.leave("prompts are not rewritten to save tokens", "rtkEnabled", "cavemanEnabled",
                   "cavemanLevel", "headroomEnabled", "headroomUrl")  # fmt: skip
    settings.leave("the router keeps its own records; see docs/usage.md", "enableObservability",
                   "observabilityMaxRecords", "observabilityBatchSize", "observabilityMaxJsonSize",
                   "observabilityFlushIntervalMs", "enableRequestLogs")  # fmt: skip
    settings.leave("has no counterpart", "capacityAdapter", "mitmRouterBaseUrl", "dnsToolEnabled")
    root.leave("calls of tools to their own providers are led by `intercept`; see "
               "docs/configuration.md", "mitmAlias")  # fmt: skip
    root.leave("records of requests stay where they are", "usage", "history", "requestDetails")
