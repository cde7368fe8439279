"""Drafts a configuration from CLIProxyAPI's `config.yaml`.

The shapes are those of its `config.example.yaml`; much of the vocabulary is the same here.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from switchyard.importers.draft import Draft
from switchyard.importers.draft import DraftKey
from switchyard.importers.draft import headers_of
from switchyard.importers.draft import key_entry
from switchyard.importers.known_providers import provider_at
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import values_of
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import secret_of

NAME = "cliproxyapi"

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_CHANNELS = {
    "gemini-api-key": ("gemini", "gemini", "gemini"),
    "claude-api-key": ("claude", "anthropic", "anthropic"),
    "codex-api-key": ("codex", "openai", "openai-responses"),
    "xai-api-key": ("xai", "xai", "openai-responses"),
    "vertex-api-key": ("vertex", "", "gemini"),
}
"""Lists of keys: the provider's name, the preset without a base URL, the format."""
_STRATEGIES = {
    "round-robin": "round-robin", "rr": "round-robin", "roundrobin": "round-robin",
    "weighted-round-robin": "weighted", "wrr": "weighted",
    "fill-first": "fill-first", "ff": "fill-first", "fillfirst": "fill-first",
}  # fmt: skip
_ACTIONS = {
    "stop": {"class": "request"},
    "stop-and-cooldown": {"class": "request", "scope": "target"},
    "continue": {"class": "overload", "scope": "none"},
    "continue-and-cooldown": {"class": "overload"},
}
_DISGUISE = "imitates another client, which the router does not do"
_OAUTH = "belongs to OAuth accounts, whose files are not imported: log in again with scripts/login"


def draft_cliproxyapi(root: SourceMembers) -> Draft:
    """Returns the draft of a `config.yaml`."""
    draft = Draft(root.report)
    proxy = root.text("proxy-url")
    for channel, (name, preset, format) in _CHANNELS.items():
        _add_channel(draft, root, channel, (name, preset, format), proxy)
    for provider in root.records("openai-compatibility"):
        _add_compatible(draft, provider, proxy)
    for index, key in enumerate(_client_keys(root)):
        secret = secret_of(key, "client key", _REFERENCE)
        draft.client_keys.append({"key": secret, "name": f"imported-{index + 1}"})
    _read_routing(draft, root)
    _read_payload(draft, root.record("payload"))
    _read_tls(draft, root.record("tls"))
    _leave_rest(root)
    draft.main_models = _main_models(draft)
    return draft


def _client_keys(root: SourceMembers) -> list[str]:
    older = root.record("auth").record("providers") if "auth" in root else None
    keys = root.texts("api-keys")
    return [*keys, *(older.texts("api-keys") if older else [])]


def _add_channel(
    draft: Draft, root: SourceMembers, channel: str, kind: tuple[str, str, str], proxy: str
) -> None:
    """Adds the keys of one list; those with equal settings become one provider."""
    name, preset, format = kind
    groups: dict[str, tuple[dict[str, object], list[DraftKey], str]] = {}
    for entry in root.records(channel):
        url = entry.text("base-url")
        key = _key(entry, name)
        if key is None or not (url or preset):
            entry.leave_all("has no api-key" if key is None else "has no base-url")
            continue
        settings = _settings(draft, entry, name)
        settings["proxy_url"] = _proxy(proxy, "")
        mark = json.dumps([url, settings], default=repr, sort_keys=True)
        groups.setdefault(mark, ({"url": url, **settings}, [], entry.path))[1].append(key)
        _leave_of_channel(entry)
        if format == "openai-responses":
            _note_version(entry)
    for settings, keys, origin in groups.values():
        url = str(settings.pop("url"))
        draft.add_provider(
            name,
            origin,
            url=url,
            preset=preset,
            format=format,
            keys=keys,
            **settings,  # pyright: ignore[reportArgumentType]
        )


def _add_compatible(draft: Draft, provider: SourceMembers, proxy: str) -> None:
    name = provider.text("name", "compatible")
    _note_version(provider)
    if provider.flag("disabled"):
        provider.leave_all("is disabled")
        return
    entries = [_key(entry, name) for entry in provider.records("api-key-entries")]
    keys = [entry for entry in entries if entry is not None]
    keys += [key_entry(secret_of(key, f"{name} api key", _REFERENCE))
             for key in provider.texts("api-keys")]  # fmt: skip
    settings = _settings(draft, provider, name)
    url = provider.text("base-url")
    if not url:
        provider.leave_all("has no base-url")
        return
    draft.add_provider(
        name,
        provider.path,
        url=url,
        format="openai-chat",
        keys=keys,
        proxy_url=_proxy(proxy, ""),
        **settings,  # pyright: ignore[reportArgumentType]
    )
    provider.leave("the router keeps cooldowns of its own", "disable-cooling", "request-retry")
    provider.leave("has no counterpart", "support-prompt-cache-key")


def _note_version(entry: SourceMembers) -> None:
    if url := entry.text("base-url"):
        if urlsplit(url).path in ("", "/") and provider_at(url) is None:
            entry.note("base-url", "has no path, so that requests go to /v1 there")


def _key(entry: SourceMembers, name: str) -> DraftKey | None:
    text = entry.text("api-key")
    proxy = entry.text("proxy-url")
    weight = entry.whole("weight")
    if not text:
        return None
    return key_entry(
        secret_of(text, f"{name} api key", _REFERENCE),
        weight=weight,
        priority=entry.whole("priority"),
        proxy_url=_proxy(proxy, name),
    )


def _proxy(text: str, name: str) -> object:
    """Returns a proxy; one with a password in it is a secret."""
    if text == "none":
        return "direct"
    return DraftSecret(text, f"{name} proxy url") if "@" in text else text or None


def _settings(draft: Draft, entry: SourceMembers, name: str) -> dict[str, object]:
    """Returns the settings that lists of keys and compatible providers have alike."""
    headers = entry.record("headers")
    errors = [rule for one in entry.records("request-scoped-errors") if (rule := _error(one))]
    return {
        "prefix": entry.text("prefix"),
        "models": [_model(model) for model in entry.records("models")],
        "excluded_models": entry.texts("excluded-models"),
        "headers": headers_of(dict(values_of(headers)), name, draft.report, headers.path),
        "errors": errors,
    }


def _model(model: SourceMembers) -> object:
    name, alias = model.text("name"), model.text("alias")
    found: dict[str, object] = {"name": name or alias}
    if alias and alias != name:
        found["alias"] = alias
    if window := model.whole("max-context-length"):
        found["context-window"] = window
    levels = model.record("thinking").texts("levels")
    known = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
    if efforts := [level for level in levels if level in known]:
        found["profile"] = {"efforts": efforts}
    model.leave("only describes the model", "display-name", "image", "input-modalities",
                "output-modalities")  # fmt: skip
    model.leave("names and thinking are kept right by the router itself", "force-mapping",
                "is-compat", "fork")  # fmt: skip
    return found if len(found) > 1 else found["name"]


def _error(rule: SourceMembers) -> dict[str, object] | None:
    found: dict[str, object] = {}
    if (status := rule.whole("status")) is not None:
        found["status"] = status
    if words := rule.texts("match"):
        found["match"] = words
    if expressions := [*rule.texts("match-regexr"), *rule.texts("match-regex")]:
        found["match-regex"] = expressions
    action = rule.text("action", "stop")
    if action not in _ACTIONS:
        rule.leave_all(f"has the action {action[:40]!r}, which has no counterpart")
        return None
    return {**found, **_ACTIONS[action]}


def _leave_of_channel(entry: SourceMembers) -> None:
    entry.leave(_DISGUISE, "cloak", "fingerprint-profile", "experimental-cch-signing",
                "rebuild-mid-system-message")  # fmt: skip
    entry.leave("the router keeps cooldowns of its own", "disable-cooling", "request-retry")
    entry.leave("WebSockets to providers are not spoken", "websockets")
    entry.leave("has no counterpart", "alpha-search")


def _read_routing(draft: Draft, root: SourceMembers) -> None:
    routing = root.record("routing")
    word = routing.text("strategy").lower()
    strategy = _STRATEGIES.get(word, "")
    if word and not strategy:
        draft.report.leave(routing.at("strategy"), "is no strategy that is known")
    if routing.flag("session-affinity"):
        strategy = "sticky"
    for provider in draft.providers if strategy not in ("", "round-robin") else ():
        if "api-key-entries" in provider:
            provider["strategy"] = strategy
    routing.leave("conversations stay with a key for as long as its prompt cache holds",
                  "session-affinity-ttl", "session-affinity-subagents")  # fmt: skip
    retry: dict[str, object] = {}
    for name in ("request-retry", "max-retry-credentials"):
        if (count := root.whole(name)) is not None:
            retry[name] = count
    if seconds := root.number("max-retry-interval"):
        retry["max-retry-interval"] = f"{seconds:g}s"
    if retry:
        draft.sections["retry"] = retry
    streaming = root.record("streaming")
    if seconds := streaming.number("keepalive-seconds"):
        draft.sections["heartbeat"] = {"after": f"{seconds:g}s", "every": f"{seconds:g}s"}
    streaming.leave("every attempt before the first output may be repeated", "bootstrap-retries")


def _read_payload(draft: Draft, payload: SourceMembers) -> None:
    for kind in ("default", "override", "filter", "default-raw", "override-raw"):
        for rule in payload.records(kind):
            models = rule.take("models")
            params = rule.take("params")
            if kind.endswith("-raw"):
                params = _parsed(rule, params)
            found = {"models": models, "params": params, "headers": rule.take("headers")}
            kept = {name: value for name, value in found.items() if value}
            draft.add_rule(kind.removesuffix("-raw"), kept)


def _parsed(rule: SourceMembers, params: object) -> dict[str, object]:
    """Returns parameters whose values are written as JSON text."""
    found: dict[str, object] = {}
    for name, text in params.items() if isinstance(params, Mapping) else ():
        try:
            found[str(name)] = json.loads(text) if isinstance(text, str) else text
        except ValueError:
            rule.inner({str(name): text}, rule.at("params")).leave("is no JSON", str(name))
    return found


def _read_tls(draft: Draft, tls: SourceMembers) -> None:
    cert, key = tls.text("cert"), tls.text("key")
    if tls.flag("enable") and cert:
        draft.sections["tls"] = {"cert": cert, **({"key": key} if key else {})}
    elif cert:
        draft.report.leave(tls.path, "is not enabled")


def _leave_rest(root: SourceMembers) -> None:
    root.leave("is an option of the start: scripts/start --host HOST --port PORT", "host", "port")
    management = root.record("remote-management")
    management.leave("the management key is hashed; set a new one under `management`", "secret-key")
    management.leave("is a setting of CLIProxyAPI's control panel", "disable-control-panel",
                     "panel-github-repository", "disable-auto-update-panel")  # fmt: skip
    management.leave("set it under `management`", "allow-remote")
    root.leave(_OAUTH, "auth-dir", "oauth-model-alias", "oauth-excluded-models",
               "oauth-request-scoped-errors", "auth-auto-refresh-workers", "quota-exceeded",
               "antigravity", "antigravity-signature-cache-enabled",
               "antigravity-signature-bypass-strict", "ampcode", "video-result-auth-cache-ttl",
               "generative-language-api-key")  # fmt: skip
    root.leave(_DISGUISE, "claude-header-defaults", "codex-header-defaults",
               "disable-claude-cloak-mode", "claude-code")  # fmt: skip
    root.leave("the router logs by itself; see `exchange-log` and docs/usage.md", "debug",
               "logging-to-file", "logs-max-total-size-mb", "error-logs-max-files", "request-log",
               "usage-statistics-enabled", "redis-usage-queue-retention-seconds")  # fmt: skip
    root.leave("has no counterpart", "interactions-api-key", "plugins", "pprof", "commercial-mode",
               "force-model-prefix", "passthrough-headers", "save-cooldown-status",
               "disable-cooling", "codex", "xai", "transient-error-cooldown-seconds",
               "disable-image-generation", "home", "gpt-image-2-base-model", "ws-auth",
               "nonstream-keepalive-interval", "credential-concurrency",
               "credential-in-flight")  # fmt: skip


def _main_models(draft: Draft) -> list[str]:
    """Returns the first names that the providers list, an alias before a name."""
    found: list[str] = []
    for provider in draft.providers:
        models = provider.get("models")
        for model in models[:2] if isinstance(models, list) else []:
            name = model.get("alias", model["name"]) if isinstance(model, dict) else model
            found.append(str(name))
    return list(dict.fromkeys(found))
