"""Understands sections that CLIProxyAPI and similar routers write in files of their own.

They become the sections that mean the same here, before anything is checked; problems keep the
lines of the file. What means nothing here is reported and left out, so that such a file starts.
Source: CLIProxyAPI's documentation, "Configuration" and "OpenAI compatibility providers", and its
`config.example.yaml`.
"""

from typing import Any

from switchyard.config.problems import ConfigProblem
from switchyard.config.problems import KeyPath
from switchyard.config.problems import dotted
from switchyard.config.yaml_source import Document
from switchyard.config.yaml_source import Mark

_PRESETS = ("openai", "anthropic", "gemini")
"""Sections with the key of a well-known provider."""

SIGNS = frozenset(
    {
        *("openai-compatibility", "custom-providers", "auth", "api-keys", "remote-management"),
        *("load-balance", "rate-limit", *_PRESETS),
    }
)
"""Sections by which a file of another router is known."""

_DISGUISE = "it imitates another client, which the router does not do"

_NOTES = {
    "host": "the address is an option of the start (--host)",
    "port": "the port is an option of the start (--port)",
    "rate-limit": "limits belong to client keys (clients.api-keys, clients.limits)",
    "logging": "options of the start set the log; exchange-log keeps whole requests",
    "auth-dir": "accounts are imported by the command import",
    "debug": "options of the start set the log",
    "logging-to-file": "options of the start set the log",
    "logs-max-total-size-mb": "options of the start set the log",
    "request-log": "exchange-log keeps whole requests",
    "usage-statistics-enabled": "usage is recorded unless 'usage: off' is set",
    "commercial-mode": "there is no such mode",
    "ws-auth": "client keys are asked for in WebSockets too",
    "quota-exceeded": "members of a combo take over",
    "pprof": "there is no such server",
    "plugins": "there are no plugins of that kind",
    "error-logs-max-files": "exchange-log keeps whole requests",
    "redis-usage-queue-retention-seconds": "usage is kept in files",
    "force-model-prefix": "'PROVIDER/MODEL' always names one provider",
    "passthrough-headers": "headers that may travel are always passed on",
    "save-cooldown-status": "cooldowns are kept in memory, or in 'state'",
    "transient-error-cooldown-seconds": "cooldown.base sets the first cooldown",
    "disable-cooling": "cooldown sets how long targets rest",
    "nonstream-keepalive-interval": "heartbeat keeps connections alive",
    "disable-image-generation": "requests are passed on with the tools that they have",
    "video-result-auth-cache-ttl": "a job stays with the provider that began it",
    "auth-auto-refresh-workers": "accounts are refreshed beside requests",
    "claude-header-defaults": _DISGUISE,
    "disable-claude-cloak-mode": _DISGUISE,
    "claude-code": _DISGUISE,
    "codex": _DISGUISE,
    "antigravity": _DISGUISE,
    **dict.fromkeys(
        ("gemini-api-key", "claude-api-key", "codex-api-key", "xai-api-key", "vertex-api-key"),
        "the command import makes providers of it",
    ),
    **dict.fromkeys(
        ("oauth-model-alias", "oauth-excluded-models"), "it belongs to accounts; log in again"
    ),
}
"""What means nothing here, and what does in its place."""

_STRATEGIES = {
    "round-robin": "round-robin",
    "weighted-round-robin": "weighted",
    "weighted": "weighted",
    "fill-first": "fill-first",
    "least-connections": "least-busy",
}
"""How keys are chosen among, there and here."""

_RETRY = ("request-retry", "max-retry-credentials", "max-retry-interval")


def understand_foreign(document: Document) -> None:
    """Rewrites the foreign sections of a document, and notes what has no meaning here."""
    data = document.data
    if not isinstance(data, dict) or SIGNS.isdisjoint(data):
        return
    _keys(document, data)
    for name in _PRESETS:
        section = data.get(name)
        if isinstance(section, dict) and "api-key" in section:
            _provider(document, (name,), {"preset": name})
    for index, entry in _entries(data.get("openai-compatibility")):
        if isinstance(entry, dict):
            _compatible(document, ("openai-compatibility", index), entry)
    data.pop("openai-compatibility", None)
    for index, entry in _entries(data.get("custom-providers")):
        if isinstance(entry, dict):
            named = {"name": str(index)} if isinstance(index, str) else {}
            _compatible(document, ("custom-providers", index), {**named, **entry}, named)
    data.pop("custom-providers", None)
    for name in ("load-balance", "routing"):
        _strategy(document, data, name)
    if not data.get("proxy-url", True):
        del data["proxy-url"]
    _management(document, data)
    _tls(document, data)
    for name in _RETRY:
        if name in data and not isinstance(data.get("retry"), dict):
            data["retry"] = {}
        if name in data:
            _move(document, (name,), ("retry", name))
    for name, instead in _NOTES.items():
        if name in data:
            _note(document, (name,), instead)


def _keys(document: Document, data: dict[str, Any]) -> None:
    auth = data.get("auth")
    if isinstance(auth, dict) and "api-keys" in auth:
        _section(data, "clients")
        _move(document, ("auth", "api-keys"), ("clients", "api-keys"))
        if auth:
            _note(document, ("auth",), "clients.api-keys has the keys of clients")
        data.pop("auth", None)
    if isinstance(data.get("api-keys"), list):
        _section(data, "clients")
        _move(document, ("api-keys",), ("clients", "api-keys"))


def _strategy(document: Document, data: dict[str, Any], name: str) -> None:
    """Has the keys of all providers chosen as a section says, and notes the rest of it."""
    section = data.get(name)
    if not isinstance(section, dict):
        return
    wanted = _STRATEGIES.get(str(section.get("strategy")))
    if wanted is not None:
        mark = document.mark((name, "strategy"))
        providers = data.get("providers")
        for index, provider in enumerate(providers if isinstance(providers, list) else ()):
            if isinstance(provider, dict) and "strategy" not in provider:
                provider["strategy"] = wanted
                line = mark.line if mark else 1
                document.marks["providers", index, "strategy"] = Mark(line, wanted)
        del section["strategy"]
    if section:
        _note(document, (name,), "'strategy' of a provider or combo chooses")
    data.pop(name, None)


def _management(document: Document, data: dict[str, Any]) -> None:
    remote = data.get("remote-management")
    if not isinstance(remote, dict):
        return
    secret = remote.get("secret-key")
    management = _section(data, "management")
    if isinstance(secret, str) and secret.startswith("$2"):
        hint = "a hash of another kind cannot be used; write the key into management.key"
        _note(document, ("remote-management", "secret-key"), hint)
    elif secret and "key" not in management:
        _move(document, ("remote-management", "secret-key"), ("management", "key"))
    if "allow-remote" in remote and "allow-remote" not in management:
        _move(document, ("remote-management", "allow-remote"), ("management", "allow-remote"))
    data.pop("remote-management", None)
    if not management:
        del data["management"]


def _tls(document: Document, data: dict[str, Any]) -> None:
    tls = data.get("tls")
    if not isinstance(tls, dict) or "enable" not in tls:
        return
    if tls.pop("enable") is not True:
        _note(document, ("tls",), "it is not enabled")


def _compatible(
    document: Document,
    source: KeyPath,
    entry: dict[str, Any],
    more: dict[str, Any] | None = None,
) -> None:
    """Makes a provider of an entry for an OpenAI-compatible service."""
    if entry.get("disabled") is True:
        _note(document, source, "it is disabled")
        return
    place = _provider(document, source, more or {})
    provider = _at(document.data, place)
    provider.setdefault("format", "openai-chat")
    provider.pop("disabled", None)
    if "url" in provider and "base-url" not in provider:
        _move(document, (*place, "url"), (*place, "base-url"))
    if "responses-translate" in provider:
        _note(document, (*place, "responses-translate"), "'format' says what a service speaks")
    keys = provider.pop("api-keys", None)
    if isinstance(keys, list) and "api-key-entries" not in provider:
        provider["api-key-entries"] = keys
    if provider.get("priority") == 0:
        del provider["priority"]
    for item in provider.get("api-key-entries") or ():
        if isinstance(item, dict) and not item.get("proxy-url"):
            item.pop("proxy-url", None)
    for model in provider.get("models") or ():
        if isinstance(model, dict) and not model.get("alias"):
            model.pop("alias", None)


def _provider(document: Document, source: KeyPath, more: dict[str, Any]) -> KeyPath:
    """Moves a section to the end of the providers; returns its place."""
    assert isinstance(document.data, dict)
    providers = document.data.setdefault("providers", [])
    if not isinstance(providers, list):
        providers = document.data["providers"] = []
    place: KeyPath = ("providers", len(providers))
    providers.append({})
    _move(document, source, place)
    moved = providers[-1]
    mark = document.mark(place)
    line = mark.line if mark else 1
    for name, value in more.items():
        if name not in moved:
            moved[name] = value
            document.marks[*place, name] = Mark(line, str(value))
    return place


def _move(document: Document, source: KeyPath, target: KeyPath) -> None:
    """Moves a value and all that is known of its place."""
    holder, last = _at(document.data, source[:-1]), source[-1]
    value = holder[last]
    if isinstance(holder, dict):
        del holder[last]
    _at(document.data, target[:-1])[target[-1]] = value
    size = len(source)
    for known in (document.marks, document.unset):
        for path in [path for path in known if path[:size] == source]:
            known[(*target, *path[size:])] = known.pop(path)  # type: ignore[assignment]
    moved = {path for path in document.unusable if path[:size] == source}
    document.unusable -= moved
    document.unusable |= {(*target, *path[size:]) for path in moved}


def _note(document: Document, path: KeyPath, instead: str) -> None:
    """Notes that a value has no meaning here, and removes it."""
    mark = document.mark(path)
    line = mark.line if mark else None
    message = f"has no meaning here ({instead})"
    document.notes.append(ConfigProblem(document.file, line, dotted(path), message))
    holder = _at(document.data, path[:-1])
    if isinstance(holder, dict):
        holder.pop(path[-1], None)


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(data.get(name), dict):
        data[name] = {}
    return data[name]


def _entries(section: object) -> list[tuple[int | str, Any]]:
    if isinstance(section, list):
        return list(enumerate(section))
    return list(section.items()) if isinstance(section, dict) else []


def _at(value: Any, path: KeyPath) -> Any:
    for step in path:
        value = value[step]
    return value
