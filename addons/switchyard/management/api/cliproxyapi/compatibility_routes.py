"""The routes for OpenAI-compatible services exactly as CLIProxyAPI documents them.

They are a view of `providers`: those that speak `openai-chat` and are written out in the file.
Source: CLIProxyAPI, "Management API", "OpenAI Compatibility Providers".
"""

from collections.abc import Callable
from typing import Annotated
from typing import Any

from fastapi import APIRouter
from fastapi import Body
from fastapi import Query
from fastapi import Response
from pydantic import AliasChoices
from pydantic import BaseModel
from pydantic import Field

from switchyard.config.editing.merging import merge
from switchyard.management.api.cliproxyapi.views import Done
from switchyard.management.api.cliproxyapi.views import ViewWriter
from switchyard.management.api.config_routes import read_values
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.caller import Caller
from switchyard.management.desk import Desk

NAME = "openai-compatibility"
_MEMBERS = ("name", "prefix", "base-url", "headers")


class CompatibilityList(BaseModel):
    """Services under `items`, or under the name with which `GET` answers."""

    items: list[dict[str, Any]] = Field(validation_alias=AliasChoices("items", NAME))


class CompatibilityPatch(BaseModel):
    """Which entry is changed, and to what."""

    name: str | None = None
    index: int | None = None
    value: dict[str, Any]


def compatibility_routes(desk: Desk, writer: ViewWriter) -> APIRouter:
    """Returns the routes. As documented, they need no If-Match."""
    routes = APIRouter(tags=["CLIProxyAPI"], responses=PROBLEMS)

    async def change(caller: Caller, method: str, make: Callable[[dict[str, Any]], object]) -> Done:
        return await writer.change(caller, f"{method} /{NAME}", lambda given, _: make(given))

    @routes.get(f"/{NAME}")
    async def read_compatibility(caller: Viewer, response: Response) -> dict[str, Any]:
        """Returns the services, keys masked."""
        values = await read_values(desk, response)
        return {NAME: [shown(one) for one in _services(values)]}

    @routes.put(f"/{NAME}", responses=CHANGES)
    async def put_compatibility(
        caller: Admin, body: Annotated[list[dict[str, Any]] | CompatibilityList, Body()]
    ) -> Done:
        """Replaces the services; other providers stay."""
        entries = body if isinstance(body, list) else body.items
        return await change(caller, "PUT", lambda given: replace_services(given, entries))

    @routes.patch(f"/{NAME}", responses=CHANGES)
    async def patch_compatibility(caller: Admin, body: CompatibilityPatch) -> Done:
        """Changes the service of a name or index, and adds one that has a name of its own."""
        return await change(
            caller, "PATCH", lambda given: patch_service(given, body.name, body.index, body.value)
        )

    @routes.delete(f"/{NAME}", responses=CHANGES)
    async def delete_compatibility(
        caller: Admin,
        name: str | None = None,
        index: Annotated[int | None, Query(ge=0)] = None,
    ) -> Done:
        """Removes the service of a name or index."""
        return await change(caller, "DELETE", lambda given: remove_service(given, name, index))

    return routes


def shown(provider: dict[str, Any]) -> dict[str, Any]:
    """Returns a provider in CLIProxyAPI's shape."""
    entry = {name: provider[name] for name in _MEMBERS if name in provider}
    keys = list(provider.get("api-key-entries") or ())
    if "api-key" in provider:
        keys.insert(0, provider["api-key"])
    entry["api-key-entries"] = [
        {"proxy-url": "", **one} if isinstance(one, dict) else {"api-key": one, "proxy-url": ""}
        for one in keys
    ]
    models = provider.get("models")
    entry["models"] = [
        {"name": "", "alias": "", **one} if isinstance(one, dict) else {"name": one, "alias": ""}
        for one in (models if isinstance(models, list) else ())
    ]
    return entry


def stored(entry: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Returns the provider of an entry; members that CLIProxyAPI does not know stay.

    Raises ApiProblem where a list of the entry is none.
    """
    kept = {
        name: value
        for name, value in (before or {}).items()
        if name not in (*_MEMBERS, "api-key", "api-key-entries", "models")
    }
    keys = [
        {name: value for name, value in one.items() if name != "proxy-url" or value}
        for one in _list(entry, "api-key-entries", dict)
    ]
    keys += [{"api-key": one} for one in _list(entry, "api-keys", str)]
    models = [
        {name: value for name, value in one.items() if name != "alias" or value}
        for one in _list(entry, "models", dict)
    ]
    provider = {name: entry[name] for name in _MEMBERS if entry.get(name)}
    return {
        **provider,
        "format": "openai-chat",
        **kept,
        **({"api-key-entries": keys} if keys else {}),
        **({"models": models} if models else {}),
    }


def _list[T](entry: dict[str, Any], name: str, kind: type[T]) -> list[T]:
    found = entry.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, kind) for one in found):
        what = "text" if kind is str else "objects"
        raise ApiProblem(422, f"The member '{name}' takes a list of {what}.")
    return found


def replace_services(given: dict[str, Any], entries: list[Any]) -> None:
    """Puts services in the place of those that are there."""
    there = {one.get("name"): one for one in _services(given)}
    others = [one for one in given.get("providers") or () if not _is_service(one)]
    new = [stored(one, there.get(one.get("name"))) for one in entries if isinstance(one, dict)]
    given["providers"] = [*others, *new]


def patch_service(
    given: dict[str, Any], name: str | None, index: int | None, value: dict[str, Any]
) -> None:
    """Changes a service. Raises ApiProblem if there is none and nothing names a new one."""
    found = _find(given, name, index)
    if found is None:
        if not (name or value.get("name")):
            raise ApiProblem(404, "There is no such service.")
        given.setdefault("providers", []).append(stored({"name": name, **value}))
        return
    at = next(place for place, one in enumerate(given["providers"]) if one is found)
    given["providers"][at] = stored(merge(shown(found), value), found)


def remove_service(given: dict[str, Any], name: str | None, index: int | None) -> None:
    """Removes a service. Raises ApiProblem if there is none."""
    if (found := _find(given, name, index)) is None:
        raise ApiProblem(404, "There is no such service.")
    given["providers"] = [one for one in given["providers"] if one is not found]


def _find(given: dict[str, Any], name: str | None, index: int | None) -> dict[str, Any] | None:
    services = _services(given)
    if name is not None:
        return next((one for one in services if one.get("name") == name), None)
    if index is not None and 0 <= index < len(services):
        return services[index]
    return None


def _services(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in given.get("providers") or () if _is_service(one)]


def _is_service(provider: object) -> bool:
    """Whether a provider is one that CLIProxyAPI would have in this list."""
    return (
        isinstance(provider, dict)
        and not {"preset", "builtin"} & provider.keys()
        and "base-url" in provider
        and provider.get("format", "openai-chat") == "openai-chat"
    )
