"""Drafts a configuration from claude-code-router's `config.json` (versions 1 and 2).

The shapes are those of its `config.example.json` and README.
"""

import re

from switchyard.importers.claude_code_router_3 import draft_version_3
from switchyard.importers.claude_code_router_3 import is_version_3
from switchyard.importers.draft import Draft
from switchyard.importers.draft import headers_of
from switchyard.importers.draft import key_entry
from switchyard.importers.known_providers import split_endpoint
from switchyard.importers.members import SourceMembers
from switchyard.importers.secret_names import SecretValue
from switchyard.importers.secret_names import secret_of

NAME = "claude-code-router"

_REFERENCE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", re.ASCII)
_HOME = "api.anthropic.com"
_FORMATS = {
    "anthropic": "anthropic",
    "gemini": "gemini",
    "openai-responses": "openai-responses",
    "openai": "openai-chat",
}
"""Transformers that say what a provider speaks, in small letters."""
_QUIRKS = {
    "openrouter", "deepseek", "groq", "cerebras", "tooluse", "enhancetool", "reasoning",
    "sampling", "streamoptions", "cleancache", "forcereasoning",
}  # fmt: skip
"""Transformers whose work the router does by the provider's profile, or for every provider."""
_ROLES = ("think", "longContext", "webSearch", "image")

_START = "is an option of the start: scripts/start --host HOST --port PORT"
_OWN_LOG = "the router logs by itself; `exchange-log` and scripts/usage have the details"
_SCRIPT = "is a program; the router runs none. Use `routes`, `intercept` or client names"


def draft_claude_code_router(root: SourceMembers) -> Draft:
    """Returns the draft of a `config.json`, or of the `config.sqlite` of version 3."""
    if is_version_3(root):
        return draft_version_3(root)
    draft = Draft(root.report)
    proxy = root.text("PROXY_URL")
    members = "Providers" if "Providers" in root else "providers"
    for provider in root.records(members):
        _add_provider(draft, provider, proxy)
    add_router(draft, root.record("Router"), root.record("fallback"))
    if key := root.text("APIKEY"):
        draft.client_keys.append({"key": reference(key, "client key"), "name": "imported"})
    if milliseconds := root.number("API_TIMEOUT_MS"):
        draft.sections["timeouts"] = {"total": f"{milliseconds / 1000:g}s"}
    root.leave(_START, "HOST", "PORT")
    root.leave(_OWN_LOG, "LOG", "LOG_LEVEL")
    root.leave(_SCRIPT, "CUSTOM_ROUTER_PATH", "transformers")
    root.leave("is a setting of claude-code-router's own command line",
               "NON_INTERACTIVE_MODE", "StatusLine", "CLAUDE_PATH", "presets")  # fmt: skip
    root.leave("the router has no agent of its own for images", "forceUseImageAgent")
    root.leave("the router does not rewrite system prompts", "REWRITE_SYSTEM_PROMPT")
    return draft


def reference(text: str, purpose: str) -> SecretValue:
    """Returns a value that may be `$NAME` or `${NAME}`."""
    return secret_of(text, purpose, _REFERENCE)


def _add_provider(draft: Draft, provider: SourceMembers, proxy: str) -> None:
    wanted = provider.text("name", "provider")
    url, format = split_endpoint(provider.text("api_base_url"))
    transformers = provider.record("transformer")
    headers: dict[str, str] = {}
    models = provider.texts("models")
    rules: list[dict[str, object]] = []
    format = _read_transformers(transformers, headers, rules, models) or format
    if not url:
        provider.leave_all("has no api_base_url")
        return
    key = provider.text("api_key")
    name = draft.add_provider(
        wanted,
        provider.path,
        url=url,
        format=format,
        keys=[key_entry(reference(key, f"{wanted} api key"))] if key else [],
        models=models,
        headers=headers_of(headers, wanted, draft.report, transformers.path),
        proxy_url=reference(proxy, "proxy url") if proxy else None,
    )
    if name != wanted:
        provider.note("name", f"is {name!r} in the new file: names have no white space or slash")
    for rule in rules:
        draft.add_rule("override", rule)


def _read_transformers(
    transformers: SourceMembers,
    headers: dict[str, str],
    rules: list[dict[str, object]],
    models: list[str],
) -> str:
    """Reads a provider's `transformer`; returns the format that it says, if any."""
    format = ""
    for scope in transformers.names():
        if scope == "use":
            used, path = transformers.take("use"), transformers.at("use")
            concerned = models
        else:
            inner = transformers.record(scope)
            used, path, concerned = inner.take("use"), inner.at("use"), [scope]
        for index, one in enumerate(used if isinstance(used, list) else []):
            place = f"{path}[{index}]"
            said = _read_transformer(transformers, one, place, headers, rules, concerned)
            format = format or said
        if used is not None and not isinstance(used, list):
            transformers.inner({"use": used}, path.removesuffix(".use"))
    return format


def _read_transformer(
    transformers: SourceMembers,
    one: object,
    path: str,
    headers: dict[str, str],
    rules: list[dict[str, object]],
    models: list[str],
) -> str:
    named = one if isinstance(one, list) else [one]
    name = named[0] if named and isinstance(named[0], str) else ""
    given = named[1] if len(named) > 1 and isinstance(named[1], dict) else {}
    options = transformers.inner(given, f"{path}[1]")
    for index, more in enumerate(named[2:] if given else named[1:], 2 if given else 1):
        transformers.inner({f"[{index}]": more}, path)
    small = name.lower()
    if small == "maxtoken":
        if limit := options.whole("max_tokens"):
            rules.append({"models": models, "params": {"max_tokens": limit}})
            options.note("max_tokens", "is sent with every request, also where one asks for less")
    elif small == "customparams":
        params = {key: options.take(key) for key in options.names()}
        rules.append({"models": models, "params": params})
    elif small == "openrouter":
        for option, header in (("referer", "HTTP-Referer"), ("title", "X-Title")):
            if value := options.text(option):
                headers[header] = value
        if provider := options.take("provider"):
            rules.append({"models": models, "params": {"provider": provider}})
    elif small not in _QUIRKS and small not in _FORMATS:
        shown = transformers.inner({path: one}, "")
        shown.leave(f"the transformer {name[:40]!r} has no counterpart", path)
        options.leave_all("belongs to that transformer") if given else None
    return _FORMATS.get(small, "")


def add_router(draft: Draft, router: SourceMembers, fallback: SourceMembers) -> None:
    """Adds a combo for each role of `Router`, and sends Claude Code's models to them."""
    chains = {role: _members(draft, fallback.texts(role)) for role in fallback.names()}
    combos: list[str] = []
    for role in ("default", "background", *_ROLES):
        target = router.text(role)
        members = [*_members(draft, [target] if target else []), *chains.pop(role, [])]
        if members:
            draft.add_combo(role, members)
            combos.append(role)
        if members and role in _ROLES:
            router.note(role, f"is the combo {role!r}; no request is sent there by its content")
    for role, members in chains.items():
        if members:
            draft.add_combo(f"fallback-{role}", members)
    if "default" in combos:
        tiers = {"*haiku*": {"members": ["background"]}} if "background" in combos else {}
        intercept: dict[str, object] = {"members": ["default"]}
        if tiers:
            intercept["models"] = tiers
        draft.sections["intercept"] = {_HOME: intercept}
        draft.main_models = combos
    router.leave(
        "requests are not chosen by their length. `context-window` of a model keeps too long "
        "ones from it",
        "longContextThreshold",
    )
    router.leave(_SCRIPT, "custom")


def _members(draft: Draft, targets: list[str]) -> list[str]:
    """Returns `provider,model` as `provider/model`, with the provider's name in the new file."""
    found = []
    for target in targets:
        provider, comma, model = target.partition(",")
        name = draft.renamed.get(provider.strip(), provider.strip())
        found.append(f"{name}/{model.strip()}" if comma else target)
    return found
