"""Reads shipped accounts, and completes those of a configuration file.

A shipped account is a YAML file in `config/shipped/accounts/` with the keys of one of `accounts:`.
An account with `preset: NAME` takes from it every key that it does not set itself. A provider that
names a shipped account which the file does not define gets that.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from functools import cache

from switchyard.config.account_flows import AccountFlow
from switchyard.config.problems import KeyPath
from switchyard.config.problems import did_you_mean
from switchyard.config.yaml_source import Document
from switchyard.config.yaml_source import Mark
from switchyard.config.yaml_source import read_document
from switchyard.files import SHIPPED

SHIPPED_ACCOUNTS = SHIPPED / "accounts"


@cache
def account_names() -> tuple[str, ...]:
    """The names of all shipped accounts, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED_ACCOUNTS.glob("*.yaml")))


@cache
def shipped_account(name: str) -> AccountFlow:
    """One shipped account. `name` must be one of `account_names()`."""
    return AccountFlow.model_validate(_data(name))


def _data(name: str) -> dict[str, object]:
    text = (SHIPPED_ACCOUNTS / f"{name}.yaml").read_text(encoding="utf-8")
    data = read_document(text, f"account {name}", {}).data
    return data if isinstance(data, dict) else {}


def apply_account_presets(document: Document) -> None:
    """Complete the accounts of a file, and add the shipped ones that its providers name."""
    data = document.data
    if not isinstance(data, dict):
        return
    accounts = data.setdefault("accounts", {}) if _has_any(data) else data.get("accounts")
    if not isinstance(accounts, dict):
        return
    for name, account in accounts.items():
        path: KeyPath = ("accounts", name)
        if isinstance(account, dict) and "preset" in account:
            _apply(document, path, account)
    for path, ref in oauth_names(data):
        name = ref.partition("/")[0]
        if name not in accounts and name in account_names():
            accounts[name] = _data(name)
            document.marks.setdefault(("accounts", name), _mark(document, path))
    _check(document, accounts, data)


def _mark(document: Document, path: KeyPath) -> Mark:
    """Where a key stands, or what holds it: those of a preset stand nowhere."""
    while path not in document.marks:
        path = path[:-1]
    return document.marks[path]


def _has_any(data: dict[str, object]) -> bool:
    return next(oauth_names(data), None) is not None


def _apply(document: Document, path: KeyPath, account: dict[str, object]) -> None:
    here = (*path, "preset")
    name = account.pop("preset")
    if name not in account_names():
        shown = document.show(here, name) if isinstance(name, str) else "without a name"
        hint = did_you_mean(str(name), account_names())
        document.problem(here, f"unknown account preset {shown}", hint)
        document.unusable.add(path)
        return
    for key, value in _data(str(name)).items():
        if key not in account:
            account[key] = value
            mark = Mark(document.marks[here].line, shipped=True)
            document.marks.setdefault((*path, key), mark)


def _check(document: Document, accounts: Mapping[str, object], data: dict[str, object]) -> None:
    """Add a problem for every account that is named and cannot log in."""
    for path, ref in oauth_names(data):
        name = ref.partition("/")[0]
        account = accounts.get(name)
        if account is None:
            known = (*accounts, *account_names())
            shown = document.show(path, name)
            document.problem(path, f"unknown account {shown}", did_you_mean(name, known))
        elif isinstance(account, dict) and (problem := _unusable(account)):
            document.problem(path, *problem)


def _unusable(account: Mapping[str, object]) -> tuple[str, str] | None:
    """Why an account cannot be used, and what to do; None if it can."""
    instead = str(account.get("instead") or "")
    match account.get("status"):
        case "ended":
            return "is an account whose provider has ended such logins", instead
        case "unsupported":
            return "is an account whose provider does not allow other programs", instead
        case "preview" if account.get("preview") is not True:
            hint = "read docs/accounts.md, then set preview: true in accounts"
            return "is an account whose provider does not document this use", hint
    if not any(key in account for key in ("authorize", "device", "client-credentials")):
        return "is an account without a login", instead or "give it authorize or device"
    if not any(account.get(key) for key in ("client-id", "register")):
        hint = "register an application with the provider, and give its client-id in accounts"
        return "is an account without a client", hint
    return None


def oauth_names(data: Mapping[str, object]) -> Iterator[tuple[KeyPath, str]]:
    """Every `{oauth: NAME}` of a file's providers, with its place."""
    providers = data.get("providers")
    for index, provider in enumerate(providers if isinstance(providers, list) else ()):
        if not isinstance(provider, dict):
            continue
        path: KeyPath = ("providers", index)
        keys: list[tuple[KeyPath, object]] = [((*path, "api-key"), provider.get("api-key"))]
        entries = provider.get("api-key-entries")
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                at = (*path, "api-key-entries", place, "api-key")
                keys.append((at, entry.get("api-key")))
        for at, key in keys:
            if isinstance(key, dict) and isinstance(ref := key.get("oauth"), str):
                yield (*at, "oauth"), ref
