"""Loads a configuration: `load_config(path, env)` returns a `Config`.

A file is read in steps, each of which adds its problems to one list: YAML and `${NAME}`
(`yaml_source`), presets (`presets`), types and values (`validation`), keys that need or exclude
each other (`combinations`), names (`references`), files of certificates (`certificates`). One
`ConfigError` reports them all.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from switchyard.config.account_presets import apply_account_presets
from switchyard.config.certificates import checked_tls
from switchyard.config.combinations import check_combinations
from switchyard.config.credentials import CredentialSource
from switchyard.config.fields import PASSTHROUGH
from switchyard.config.foreign import understand_foreign
from switchyard.config.keys_file import read_keys
from switchyard.config.presets import apply_presets
from switchyard.config.problems import ConfigError
from switchyard.config.problems import ConfigProblem
from switchyard.config.problems import KeyPath
from switchyard.config.problems import did_you_mean
from switchyard.config.problems import dotted
from switchyard.config.provider import ApiKeyEntry
from switchyard.config.provider import Provider
from switchyard.config.references import check_references
from switchyard.config.schema import Config
from switchyard.config.schema import NotLive
from switchyard.config.tls_files import check_tls_files
from switchyard.config.tls_files import resolved
from switchyard.config.validation import validated
from switchyard.config.yaml_source import Document
from switchyard.config.yaml_source import read_document
from switchyard.config.yaml_source import unset_hint
from switchyard.config.yaml_source import unset_message
from switchyard.values.files import read_regular

__all__ = ["Config", "ConfigError", "load_config", "parse_config"]


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """The configuration in a file, with `${NAME}` filled in from `env`.

    Raises `ConfigError` if the file cannot be read or anything in it is wrong.
    """
    return parse_config(read_file(path), path, env)


def read_file(path: Path) -> bytes:
    """What a file holds. Raises `ConfigError` if it cannot be read."""
    try:
        return read_regular(path)
    except OSError as error:
        message = f"cannot be read: {error.strerror or type(error).__name__}"
        hint = "name an existing file"
        raise ConfigError([ConfigProblem(str(path), None, "", message, hint)]) from None


def parse_config(content: bytes, path: Path, env: Mapping[str, str]) -> Config:
    """Return the configuration in `content`.

    `path` names the file in problems and resolves relative paths. Raises `ConfigError` with every
    problem found.
    """
    try:
        return _parse(content, path, env)
    except RecursionError:
        raise ConfigError([ConfigProblem(str(path), None, "", "is nested too deeply")]) from None


def _parse(content: bytes, path: Path, env: Mapping[str, str]) -> Config:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "is not UTF-8 text"
        raise ConfigError(
            [ConfigProblem(str(path), None, "", message, "save it as UTF-8")]
        ) from None
    document = read_document(text, str(path), env)
    if document.data is None and not document.problems:
        document.problem((), "is empty", "name at least one provider")
    if document.data is not None and not isinstance(document.data, dict):
        document.problem((), "must be a mapping of keys to values", "begin with providers:")
    if not isinstance(document.data, dict):
        raise ConfigError(document.problems)
    _drop_empty_sections(document.data)
    understand_foreign(document)
    apply_presets(document, env)
    apply_account_presets(document)
    absent = _absent_providers(document)
    _report_unset(document, env, absent)
    _leave_out_unset(document, absent)
    config = validated(document)
    check_combinations(document)
    check_references(document)
    check_tls_files(document, path, set(absent))
    if config is None or document.problems:
        raise ConfigError(document.problems)
    config = config.model_copy(update={"management": config.management.completed(env)})
    whole = _with_keys_file(_completed(config, document, absent, path), env)
    return whole.fingerprinted(content)


def _drop_empty_sections(data: dict[str, object]) -> None:
    """A section whose every line is commented out is the same as no section."""
    for key in [key for key, value in data.items() if value is None and key != "providers"]:
        del data[key]


def _absent_providers(document: Document) -> dict[int, str]:
    """Optional providers that lack a variable, by position, with the reason.

    One without any of its keys is left out; one that lacks only some keys does without these. Any
    other variable that is not set leaves it out as well.
    """
    absent: dict[int, str] = {}
    for index, provider in enumerate(_providers(document)):
        if not _is_optional(provider):
            continue
        unset = {
            path: names
            for path, names in document.unset.items()
            if path[:2] == ("providers", index)
        }
        lost = [names for path, names in unset.items() if not _is_key(path)]
        if not lost and len(unset) >= _count_keys(provider):
            lost = list(unset.values())
        if lost:
            names = dict.fromkeys(name for group in lost for name in group)
            absent[index] = unset_message(tuple(names))
    return absent


def _providers(document: Document) -> list[dict[str, object]]:
    """The providers of a file; whatever is none of its form is an empty one."""
    providers = document.data.get("providers") if isinstance(document.data, dict) else None
    items = providers if isinstance(providers, list) else []
    return [item if isinstance(item, dict) else {} for item in items]


def _is_optional(provider: dict[str, object]) -> bool:
    return str(provider.get("optional", "")).lower() == "true"


def _is_key(path: KeyPath) -> bool:
    """Whether a path is that of a provider's key, in any form it may be written in."""
    match path:
        case ("providers", _, "api-key", *_):
            return True
        case ("providers", _, "api-key-entries", _):
            return True
        case ("providers", _, "api-key-entries", _, "api-key", *_):
            return True
    return False


def _count_keys(provider: dict[str, object]) -> int:
    entries = provider.get("api-key-entries")
    return ("api-key" in provider) + (len(entries) if isinstance(entries, list) else 0)


def _report_unset(document: Document, env: Mapping[str, str], absent: Mapping[int, str]) -> None:
    providers = _providers(document)
    for path, names in document.unset.items():
        if path[0] == "providers" and len(path) > 1 and isinstance(path[1], int):
            spared = _is_optional(providers[path[1]]) and _is_key(path)
            if spared or path[1] in absent:
                continue
        document.problem(path, unset_message(names), unset_hint(names, env))


def _leave_out_unset(document: Document, absent: Mapping[int, str]) -> None:
    """Remove keys without a value from providers that are not live, to check the rest."""
    providers = _providers(document)
    for path in document.unset:
        if path[0] != "providers" or path[1] not in absent or _is_key(path):
            continue
        holder: dict[str, object] = providers[int(path[1])]
        for step in path[2:-1]:
            inner = holder.get(str(step))
            holder = inner if isinstance(inner, dict) else {}
        holder.pop(str(path[-1]), None)


def _completed(config: Config, document: Document, absent: Mapping[int, str], path: Path) -> Config:
    """Return the configuration with its defaults worked in."""
    live: list[Provider] = []
    left_out: list[NotLive] = []
    for index, provider in enumerate(config.providers):
        whole = _complete_provider(provider, index, config, document, path)
        if reason := absent.get(index):
            left_out.append(NotLive(whole, reason))
        else:
            live.append(whole)
    if not live:
        reasons = "; ".join(f"{one.provider.name}: {one.reason}" for one in left_out)
        document.problem(("providers",), f"no provider is live ({reasons})", "set a variable")
        raise ConfigError(document.problems)
    tls = config.tls and checked_tls(config.tls, path.parent, document)
    if document.problems:
        raise ConfigError(document.problems)
    keys = tuple(entry for entry in config.clients.api_keys if entry.key or entry.key_hash)
    keys_file = config.clients.keys_file and str(resolved(config.clients.keys_file, path))
    return config.loaded(
        providers=tuple(live),
        clients=config.clients.model_copy(update={"api_keys": keys, "keys_file": keys_file}),
        tls=tls,
        not_live=tuple(left_out),
        notices=(
            *document.notes,
            *_unverified(document, config, absent),
            *_unused_prices(document, config),
            *(_left_out(document) if keys else ()),
        ),
    )


def _with_keys_file(config: Config, env: Mapping[str, str]) -> Config:
    """Adds the keys of `clients.keys-file`. Raises `ConfigError` with its problems."""
    clients = config.clients
    if clients.keys_file is None:
        return config
    keys = read_keys(Path(clients.keys_file), env, clients.policies.keys())
    clients = clients.model_copy(update={"api_keys": (*clients.api_keys, *keys)})
    return config.loaded(
        providers=config.providers,
        clients=clients,
        tls=config.tls,
        not_live=config.not_live,
        notices=config.notices,
    )


def _complete_provider(
    provider: Provider, index: int, config: Config, document: Document, path: Path
) -> Provider:
    place: KeyPath = ("providers", index)
    entries = [
        entry
        for position, entry in enumerate(provider.api_key_entries)
        if not _unset_key(document, (*place, "api-key-entries", position))
    ]
    if provider.api_key is not None and not _unset_key(document, (*place, "api-key")):
        entries.insert(0, ApiKeyEntry.model_validate({"api-key": provider.api_key}))
    tls = provider.tls.model_copy(
        update={
            name: str(resolved(value, path))
            for name, value in (("ca", provider.tls.ca), ("client_cert", provider.tls.client_cert))
            if value
        }
    )
    return provider.model_copy(
        update={
            "api_key": None,
            "api_key_entries": tuple(_beside(path, entry) for entry in entries if entry.api_key),
            "timeouts": config.timeouts.overridden(provider.timeouts),
            "tls": tls,
        }
    )


def _beside(path: Path, entry: ApiKeyEntry) -> ApiKeyEntry:
    """The entry with the files of its source where the configuration means them to be."""
    if not isinstance(entry.api_key, CredentialSource):
        return entry
    return entry.model_copy(update={"api_key": entry.api_key.beside(path.parent)})


def _unset_key(document: Document, path: KeyPath) -> bool:
    whole = (*path, "api-key")
    return path in document.unset or any(
        one[: len(path)] == path and (path[-1] == "api-key" or one[: len(whole)] == whole)
        for one in document.unset
    )


def _left_out(document: Document) -> Iterator[ConfigProblem]:
    """Notices of passthrough members, where clients come with keys of the router's."""
    for path, mark in document.marks.items():
        if mark.text == PASSTHROUGH and path and path[0] in ("combos", "aliases", "intercept"):
            yield ConfigProblem(
                document.file,
                mark.line,
                dotted(path),
                f"{PASSTHROUGH} works only for clients that send their key to the proxy; "
                "the router skips it for others",
                "HTTPS_PROXY=http://any:KEY@host:port keeps a tool's own login",
            )


def _unverified(
    document: Document, config: Config, absent: Mapping[int, str]
) -> Iterator[ConfigProblem]:
    """A warning for every provider whose certificate is not looked at."""
    for index, provider in enumerate(config.providers):
        if provider.tls.verify or index in absent:
            continue
        path: KeyPath = ("providers", index, "tls", "verify")
        mark = document.mark(path)
        message = "whoever is on the way can pose as this provider, and read what it is sent"
        hint = "trust its certificate by tls.ca instead"
        yield ConfigProblem(document.file, mark.line if mark else None, dotted(path), message, hint)


def _unused_prices(document: Document, config: Config) -> Iterator[ConfigProblem]:
    """A warning for every price of a provider that there is not."""
    known = [provider.name for provider in config.providers]
    for index, rule in enumerate(config.prices):
        name = rule.provider
        if name is None or name in known or name.startswith(f"{PASSTHROUGH}:"):
            continue
        path: KeyPath = ("prices", index, "provider")
        mark = document.mark(path)
        message = f"unknown provider {document.show(path, name)}: the price is never used"
        hint = did_you_mean(name, known)
        yield ConfigProblem(document.file, mark.line if mark else None, dotted(path), message, hint)
