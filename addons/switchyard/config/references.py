"""Checks the names in a configuration file against each other.

It reads the plain data, not the typed configuration, and skips whatever has the wrong form: a file
with a wrong type in one place and an unknown provider in another gets both problems at once.
"""

import re
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.config.fields import PASSTHROUGH
from switchyard.config.names import Directory
from switchyard.config.names import ListedModel
from switchyard.config.names import ProviderNames
from switchyard.config.names import RouteNames
from switchyard.config.names import split_suffix
from switchyard.config.problems import KeyPath
from switchyard.config.problems import did_you_mean
from switchyard.config.problems import dotted
from switchyard.config.yaml_source import Document
from switchyard.values.globs import Globs

type _Member = tuple[KeyPath, str]

_OVER_BUDGET = ("free-members", "refuse")
"""What may stand for a model's name in `over-budget`."""

_MODEL_ALIAS = "the alias of a model"


def check_references(document: Document) -> None:
    """Add a problem for every name that is unknown, claimed twice or circular."""
    data = _mapping(document.data)
    directory = directory_of(data)
    _check_claims(document, data)
    _check_client_names(document, data)
    untold = document.unset.keys() | document.unusable
    for path, member in _members(data):
        if path not in untold:
            _check_member(document, directory, path, member)
    for path, route in _items(data.get("routes"), ("routes",)):
        name = _mapping(route).get("provider")
        place = (*path, "provider")
        if place in untold:
            continue
        if isinstance(name, str) and directory.provider(name) is None:
            hint = did_you_mean(name, directory.handles)
            document.problem(place, f"unknown provider {document.show(place, name)}", hint)
    _check_service_provider(document, directory, data)
    _check_kept(document, data)
    _check_over_budget(document, directory, data)
    _check_extended(document, data)
    _check_cycles(document, data)


def _check_service_provider(
    document: Document, directory: Directory, data: dict[str, object]
) -> None:
    place, name = ("service-provider",), data.get("service-provider")
    if isinstance(name, str) and directory.provider(name) is None:
        if place not in document.unset.keys() | document.unusable:
            hint = did_you_mean(name, directory.handles)
            document.problem(place, f"unknown provider {document.show(place, name)}", hint)


def _check_kept(document: Document, data: dict[str, object]) -> None:
    """Client keys that a share of windows is kept for must be there."""
    clients = _mapping(data.get("clients"))
    if "keys-file" in clients:
        return  # the names in it are not known here
    known = [
        name
        for _path, item in _items(clients.get("api-keys"), ())
        for key in ("name", "id")
        if isinstance(name := _mapping(item).get(key), str)
    ]
    for path, item in _items(data.get("providers"), ("providers",)):
        for place, name in _kept_for(_mapping(_mapping(item).get("keep")).get("for"), path):
            if name not in known and place not in document.unset.keys() | document.unusable:
                message = f"unknown client key {document.show(place, name)}"
                document.problem(place, message, did_you_mean(name, known))


def _check_over_budget(document: Document, directory: Directory, data: dict[str, object]) -> None:
    """What answers keys over their budget must be a model or combo."""
    clients = _mapping(data.get("clients"))
    policies: list[tuple[KeyPath, object]] = [
        (("clients", "defaults"), clients.get("defaults")),
        *(
            (("clients", "policies", name), policy)
            for name, policy in _mapping(clients.get("policies")).items()
        ),
        *_items(clients.get("api-keys"), ("clients", "api-keys")),
    ]
    for path, policy in policies:
        place, name = (*path, "over-budget"), _mapping(policy).get("over-budget")
        if not isinstance(name, str) or name in _OVER_BUDGET:
            continue
        if directory.meaning(name) is None:
            if place not in document.unset.keys() | document.unusable:
                hint = did_you_mean(name, [*_OVER_BUDGET, *_mapping(data.get("combos"))])
                document.problem(place, f"unknown model {document.show(place, name)}", hint)


def _check_extended(document: Document, data: dict[str, object]) -> None:
    """A key that builds upon a policy which is not there would be without its limits."""
    clients = _mapping(data.get("clients"))
    entries = _items(clients.get("api-keys"), ("clients", "api-keys"))
    check_extended(document, entries, _mapping(clients.get("policies")))


def check_extended(
    document: Document, keys: Iterable[tuple[KeyPath, object]], policies: Collection[str]
) -> None:
    """Add a problem for each of `keys`, by their places, that extends none of `policies`."""
    for path, key in keys:
        place, name = (*path, "extends"), _mapping(key).get("extends")
        if not isinstance(name, str) or name in policies:
            continue
        if place not in document.unset.keys() | document.unusable:
            hint = did_you_mean(name, policies) or "name it under clients.policies"
            document.problem(place, f"unknown policy {document.show(place, name)}", hint)


def _kept_for(value: object, path: KeyPath) -> Iterator[_Member]:
    place = (*path, "keep", "for")
    if isinstance(value, str):
        yield place, value
    for at, name in _items(value, place):
        if isinstance(name, str):
            yield at, name


def directory_of(data: dict[str, object]) -> Directory:
    """The names of a file, as far as they have the right form."""
    providers: list[ProviderNames] = []
    for _path, item in _items(data.get("providers"), ("providers",)):
        provider = _mapping(item)
        prefix = provider.get("prefix")
        listed = provider.get("models")
        models = tuple(_listed(listed)) if isinstance(listed, list) else None
        providers.append(
            ProviderNames(
                str(provider.get("name", "")),
                prefix if isinstance(prefix, str) else None,
                models,
                Globs(_texts(provider.get("excluded-models"))),
            )
        )
    routes = [_mapping(item) for _path, item in _items(data.get("routes"), ())]
    return Directory(providers, _groups(data, "combos"), _groups(data, "aliases"), _routes(routes))


type _Claim = tuple[str, str, KeyPath]
"""A name, the kind of thing it names, and its place in the file."""


def _check_claims(document: Document, data: dict[str, object]) -> None:
    """Every prefix, combo and alias must be one thing."""
    first: dict[str, tuple[str, KeyPath]] = {}
    for name, what, path in _claims(data):
        if name == PASSTHROUGH:
            document.problem(path, f"{name} is reserved", "choose another name")
            continue
        other, where = first.setdefault(name, (what, path))
        # One alias on several models is a pool, and a prefix may repeat the provider's own name.
        pool = what == other == _MODEL_ALIAS
        own_prefix = path[-1] == "prefix" and path[:2] == where[:2]
        if where == path or pool or own_prefix:
            continue
        both = f"{other} ({dotted(where)}) and {what}"
        message = f"{document.show(path, name)} is the name of two things: {both}"
        document.problem(path, message, "rename one of them")


def _claims(data: dict[str, object]) -> Iterator[_Claim]:
    providers = list(_items(data.get("providers"), ("providers",)))
    for path, item in providers:
        for key, what in (("name", "a provider"), ("prefix", "a provider's prefix")):
            name = _mapping(item).get(key)
            # A provider's own name is checked with its other values.
            if isinstance(name, str) and name and name != PASSTHROUGH:
                yield name, what, (*path, key)
    for section, what in (("combos", "a combo"), ("aliases", "an alias")):
        for name in _mapping(data.get(section)):
            yield name, what, (section, name)
    for path, item in providers:
        for place, model in _items(_mapping(item).get("models"), (*path, "models")):
            for alias in _texts(_mapping(model).get("alias")):
                yield alias, _MODEL_ALIAS, (*place, "alias")


def _check_client_names(document: Document, data: dict[str, object]) -> None:
    names: dict[str, KeyPath] = {}
    entries = _mapping(data.get("clients")).get("api-keys")
    for path, item in _items(entries, ("clients", "api-keys")):
        name = _mapping(item).get("name")
        if not isinstance(name, str) or not name:
            continue
        first = names.setdefault(name, path)
        if first != path:
            message = f"{document.show((*path, 'name'), name)} is also the name of {dotted(first)}"
            document.problem((*path, "name"), message, "give each client key a name of its own")


def _check_member(document: Document, directory: Directory, path: KeyPath, member: str) -> None:
    if directory.meaning(member):
        return
    base, _suffix = split_suffix(member)
    shown = document.show(path, member)
    if owner := directory.excluded_from(base):
        message = f"{shown} is excluded by the provider {owner!r}"
        document.problem(path, message, "see its excluded-models")
        return
    handle, slash, model = base.partition("/")
    index = directory.provider(handle) if slash else None
    if index is not None:
        listed = [name for name, _model in directory.providers[index].open_names()]
        message = f"the provider {handle!r} lists no model {document.show(path, model)}"
        document.problem(path, message, did_you_mean(model, listed))
    elif slash:
        message = f"unknown provider {document.show(path, handle)} in {shown}"
        document.problem(path, message, did_you_mean(handle, directory.handles))
    else:
        known = [*directory.names(), PASSTHROUGH]
        document.problem(path, f"{shown} is not a model, alias or combo", _name_hint(base, known))


def _name_hint(name: str, known: Sequence[str]) -> str:
    hint = did_you_mean(name, known)
    if hint.startswith("did you mean"):
        return hint
    return "write provider/model, or the name of an alias or combo"


def _check_cycles(document: Document, data: dict[str, object]) -> None:
    """Names every way in which a combo or alias contains itself, once."""
    groups: dict[str, list[_Member]] = {}
    for section in ("combos", "aliases"):
        for name, value in _mapping(data.get(section)).items():
            groups[name] = list(_group_members(value, (section, name)))
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        for path, member in groups[name]:
            target = member if member in groups else split_suffix(member)[0]
            if target not in groups:
                continue
            if target in trail:
                loop = (*trail[trail.index(target) :], target)
                message = f"goes round in a circle: {' -> '.join(loop)}"
                document.problem(path, message, "take this member out, or write provider/model")
            elif target not in done:
                walk(target, (*trail, target))
        done.add(name)

    for name in groups:
        if name not in done:
            walk(name, (name,))


def _members(data: dict[str, object]) -> Iterator[_Member]:
    for section in ("combos", "aliases", "intercept"):
        for name, value in _mapping(data.get(section)).items():
            yield from _group_members(value, (section, name))
    for host, value in _mapping(data.get("intercept")).items():
        for pattern, tier in _mapping(_mapping(value).get("models")).items():
            yield from _group_members(tier, ("intercept", host, "models", pattern))


def _group_members(value: object, path: KeyPath) -> Iterator[_Member]:
    """The members of a combo or alias, in any of the forms it may be written in."""
    if isinstance(value, dict):
        value, path = value.get("members"), (*path, "members")
    if isinstance(value, str):
        yield path, value
    for place, member in _items(value, path):
        if isinstance(member, str):
            yield place, member


def _groups(data: dict[str, object], section: str) -> dict[str, list[str]]:
    return {
        name: [member for _path, member in _group_members(value, ())]
        for name, value in _mapping(data.get(section)).items()
    }


def _listed(models: list[object]) -> Iterator[ListedModel]:
    for item in models:
        if isinstance(item, str):
            yield ListedModel(item)
        elif isinstance(name := _mapping(item).get("name"), str):
            yield ListedModel(name, tuple(_texts(_mapping(item).get("alias"))))


def _routes(routes: list[dict[str, object]]) -> Iterator[RouteNames]:
    for route in routes:
        pattern, provider, model = (route.get(key) for key in ("pattern", "provider", "model"))
        if not isinstance(pattern, str) or not isinstance(provider, str):
            continue
        try:
            compiled = re.compile(pattern)
        except re.error:
            continue
        yield RouteNames(compiled, provider, model if isinstance(model, str) else None)


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield (*path, index), item


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
