"""Routes that show and change the configuration file."""

import asyncio
from collections.abc import Callable
from typing import Annotated
from typing import Any
from typing import Literal

from fastapi import APIRouter
from fastapi import Body
from fastapi import Header
from fastapi import Query
from fastapi import Request
from fastapi import Response
from fastapi.responses import JSONResponse
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from switchyard.config.editing.config_file import etag_of
from switchyard.config.editing.editor import ConfigDraft
from switchyard.config.editing.editor import ConfigEditor
from switchyard.config.editing.editor import masked_text
from switchyard.config.editing.masking import Masks
from switchyard.config.editing.merging import merge
from switchyard.config.editing.pieces import read_plain
from switchyard.config.problems import ConfigError
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.api.errors import details_of
from switchyard.management.caller import Caller
from switchyard.management.changing import ChangeRefused
from switchyard.management.changing import Changes
from switchyard.management.changing import Wish
from switchyard.management.desk import Desk

type SectionName = Literal[
    "providers", "combos", "aliases", "routes", "clients", "payload", "intercept"
]

IfMatch = Annotated[str | None, Header(description="The ETag that was read, or *")]
DryRun = Annotated[bool, Query(alias="dry-run", description="Check and show the change only")]


class Changed(BaseModel):
    """What a change did."""

    status: str = "ok"
    changed: bool
    dry_run: bool
    etag: str
    diff: str
    """The change of the file, with secrets masked."""
    notices: list[str]
    """What is worth knowing about the new configuration."""


class VersionRow(BaseModel):
    """A version of the file that is kept."""

    id: str
    at: float
    etag: str


class VersionList(BaseModel):
    versions: list[VersionRow]


def config_routes(desk: Desk, writer: "ConfigWriter") -> APIRouter:
    """Returns the routes of the whole configuration and of its sections."""
    routes = APIRouter(tags=["configuration"], responses=PROBLEMS)
    _add_values(routes, desk, writer)
    _add_text(routes, desk, writer)
    _add_versions(routes, desk, writer)
    _add_sections(routes, desk, writer)
    _add_items(routes, desk, writer)
    return routes


def _add_values(routes: APIRouter, desk: Desk, writer: "ConfigWriter") -> None:
    @routes.get("/config")
    async def read_config(caller: Viewer, response: Response) -> dict[str, Any]:
        """Returns the file as JSON, with secrets masked."""
        return await read_values(desk, response)

    @routes.put("/config", responses=CHANGES)
    async def put_config(
        caller: Admin,
        body: Annotated[dict[str, Any], Body()],
        if_match: IfMatch = None,
        dry_run: DryRun = False,
    ) -> Changed:
        """Replaces all values; comments of what stays are kept, masked secrets are unchanged."""
        wish = wish_of(caller, "PUT /config", if_match, dry_run)
        return await writer.values(wish, lambda given: _become(given, body))

    @routes.patch("/config", responses=CHANGES)
    async def patch_config(
        caller: Admin,
        body: Annotated[dict[str, Any], Body()],
        if_match: IfMatch = None,
        dry_run: DryRun = False,
    ) -> Changed:
        """Changes some values (RFC 7396, JSON Merge Patch); null removes one."""
        wish = wish_of(caller, "PATCH /config", if_match, dry_run)
        return await writer.values(wish, lambda given: _become(given, merge(given, body)))


def _add_text(routes: APIRouter, desk: Desk, writer: "ConfigWriter") -> None:
    @routes.get("/config.yaml", response_class=PlainTextResponse, responses=_TEXT)
    async def read_text(caller: Viewer) -> PlainTextResponse:
        """Returns the file as it is, with secrets masked."""
        content = await asyncio.to_thread(desk.editor().content)
        shown = await asyncio.to_thread(masked_text, content)
        return PlainTextResponse(shown, headers=_headers(content), media_type="application/yaml")

    @routes.put("/config.yaml", responses=CHANGES, openapi_extra=_TAKES_TEXT)
    async def put_text(
        caller: Admin, request: Request, if_match: IfMatch = None, dry_run: DryRun = False
    ) -> Changed:
        """Replaces the file by a text; masked secrets in it are unchanged."""
        try:
            text = (await request.body()).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ApiProblem(400, "The text is not UTF-8.") from None
        wish = wish_of(caller, "PUT /config.yaml", if_match, dry_run)
        return await writer.make(wish, lambda editor: editor.draft_text(text))


def _add_versions(routes: APIRouter, desk: Desk, writer: "ConfigWriter") -> None:
    @routes.get("/versions")
    async def read_versions(caller: Viewer) -> VersionList:
        """Returns the versions that are kept, the latest first."""
        found = await asyncio.to_thread(desk.editor().file.versions)
        return VersionList(
            versions=[VersionRow(id=one.id, at=one.at, etag=one.etag) for one in found]
        )

    @routes.get("/versions/{id}", response_class=PlainTextResponse, responses=_TEXT)
    async def read_version(caller: Viewer, id: str) -> PlainTextResponse:
        """Returns a version as text, with secrets masked."""
        content = await asyncio.to_thread(desk.editor().file.version, id)
        if content is None:
            raise ApiProblem(404, "There is no such version.")
        shown = await asyncio.to_thread(masked_text, content)
        return PlainTextResponse(shown, headers=_headers(content), media_type="application/yaml")

    @routes.post("/versions/{id}/restore", responses=CHANGES)
    async def restore_version(
        caller: Admin, id: str, if_match: IfMatch = None, dry_run: DryRun = False
    ) -> Changed:
        """Makes a version the present one again."""
        wish = wish_of(caller, f"restore {id}", if_match, dry_run)
        return await writer.make(wish, lambda editor: editor.draft_version(id))


def _add_sections(routes: APIRouter, desk: Desk, writer: "ConfigWriter") -> None:
    @routes.get("/{section}")
    async def read_section(
        caller: Viewer, section: SectionName, response: Response
    ) -> dict[str, Any]:
        """Returns a section of the file, with secrets masked."""
        return {section: (await read_values(desk, response)).get(section)}

    @routes.put("/{section}", responses=CHANGES)
    async def put_section(
        caller: Admin,
        section: SectionName,
        body: Annotated[dict[str, Any] | list[Any], Body()],
        if_match: IfMatch = None,
        dry_run: DryRun = False,
    ) -> Changed:
        """Replaces a section; the body is its value, or has it under the section's name."""
        value = body[section] if isinstance(body, dict) and list(body) == [section] else body
        wish = wish_of(caller, f"PUT /{section}", if_match, dry_run)
        return await writer.values(wish, lambda given: given.__setitem__(section, value))

    @routes.patch("/{section}", responses=CHANGES)
    async def patch_section(
        caller: Admin,
        section: SectionName,
        body: Annotated[dict[str, Any], Body()],
        if_match: IfMatch = None,
        dry_run: DryRun = False,
    ) -> Changed:
        """Changes some of a section; in a list, by `value` the item of a `name` or `index`."""
        wish = wish_of(caller, f"PATCH /{section}", if_match, dry_run)
        return await writer.values(wish, lambda given: _patch(given, section, body))


def _add_items(routes: APIRouter, desk: Desk, writer: "ConfigWriter") -> None:
    @routes.get("/{section}/{name:path}")
    async def read_item(caller: Viewer, section: SectionName, name: str) -> JSONResponse:
        """Returns what has this name in a section, as `PUT` takes it, with secrets masked."""
        content = await asyncio.to_thread(desk.editor().content)
        values = await asyncio.to_thread(_masked, content)
        return JSONResponse(_item(values, section, name), headers=_headers(content))

    @routes.delete("/{section}/{name:path}", responses=CHANGES)
    async def delete_item(
        caller: Admin,
        section: SectionName,
        name: str,
        if_match: IfMatch = None,
        dry_run: DryRun = False,
    ) -> Changed:
        """Removes what has this name from a section."""
        wish = wish_of(caller, f"DELETE /{section}/{name}", if_match, dry_run)
        return await writer.values(wish, lambda given: _remove(given, section, name))

    @routes.put("/{section}/{name:path}", responses=CHANGES)
    async def put_item(
        caller: Admin,
        section: SectionName,
        name: str,
        body: Annotated[Any, Body()],
        if_match: IfMatch = None,
        dry_run: DryRun = False,
    ) -> Changed:
        """Sets what has this name in a section, and adds it if there is no such thing."""
        wish = wish_of(caller, f"PUT /{section}/{name}", if_match, dry_run)
        return await writer.values(wish, lambda given: _put(given, section, name, body))


class ConfigWriter:
    """Makes changes, and turns what goes wrong into problems."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def values(self, wish: Wish, change: Callable[[dict[str, Any]], object]) -> Changed:
        return await self.make(wish, lambda editor: editor.draft(change))

    async def make(
        self, wish: Wish, draft: Callable[[ConfigEditor], ConfigDraft | None]
    ) -> Changed:
        try:
            made = await self._changes.make(wish, draft)
        except ChangeRefused as e:
            raise ApiProblem(e.status, e.detail) from None
        except ConfigError as e:
            raise ApiProblem(422, "The configuration would not be valid.", details_of(e)) from None
        except OSError as e:
            detail = f"The file cannot be read ({e.strerror or type(e).__name__})."
            raise ApiProblem(503, detail) from None
        return Changed(
            changed=made.before != made.after,
            dry_run=wish.dry_run,
            etag=made.etag,
            diff=made.diff,
            notices=[str(one) for one in made.config.notices],
        )


def wish_of(
    caller: Caller,
    action: str,
    if_match: str | None,
    dry_run: bool = False,
    needs_match: bool = True,
) -> Wish:
    """Returns how a change is made; `if_match` is the header as it came."""
    known = None
    if if_match is not None:  # a list of tags; proxies that compress make them weak
        known = [tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")]
    return Wish(
        caller=caller, action=action, if_match=known, needs_match=needs_match, dry_run=dry_run
    )


async def read_values(desk: Desk, response: Response) -> dict[str, Any]:
    """Returns the values of the file with secrets masked, its ETag in the response."""
    content = await asyncio.to_thread(desk.editor().content)
    response.headers.update(_headers(content))
    return await asyncio.to_thread(_masked, content)


def _masked(content: bytes) -> dict[str, Any]:
    text = content.decode("utf-8-sig", "replace")
    shown = Masks(text).masked(read_plain(text))
    return shown if isinstance(shown, dict) else {}


def _headers(content: bytes) -> dict[str, str]:
    return {"etag": f'"{etag_of(content)}"', "cache-control": "no-store"}


def _become(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    ordered = dict(wanted)
    given.clear()
    given.update(ordered)


def _patch(given: dict[str, Any], section: str, body: dict[str, Any]) -> None:
    if not isinstance(items := given.get(section), list):
        given[section] = merge(items, body)
        return
    index = body.get("index")
    if not isinstance(index, int) or isinstance(index, bool):
        index = _index(items, str(body.get("name")))
    if index is None or not 0 <= index < len(items):
        raise ApiProblem(404, f"The list {section} has no such item.")
    items[index] = merge(items[index], body.get("value"))


def _item(values: dict[str, Any], section: str, name: str) -> Any:
    items = values.get(section)
    if isinstance(items, dict) and name in items:
        return items[name]
    if isinstance(items, list) and (index := _index(items, name)) is not None:
        return items[index]
    raise ApiProblem(404, f"There is no {name[:80]!r} in {section}.")


def _remove(given: dict[str, Any], section: str, name: str) -> None:
    items = given.get(section)
    if isinstance(items, dict) and name in items:
        del items[name]
        if not items:
            del given[section]
        return
    index = _index(items, name)
    if not isinstance(items, list) or index is None:
        raise ApiProblem(404, f"There is no {name[:80]!r} in {section}.")
    del items[index]


def _put(given: dict[str, Any], section: str, name: str, value: object) -> None:
    if section in ("providers", "routes"):
        items = given.setdefault(section, [])
        member = "name" if section == "providers" else "pattern"
        item = {member: name, **value} if isinstance(value, dict) else value
        index = _index(items, name)
        if index is None:
            items.append(item)
        else:
            items[index] = item
        return
    held = given.get(section)
    given[section] = {**(held if isinstance(held, dict) else {}), name: value}


def _index(items: object, name: str) -> int | None:
    """Returns where an item stands in a list, by what names it."""
    for at, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and name in [item.get(member) for member in _NAMING]:
            return at
    return None


_NAMING = ("name", "preset", "pattern", "builtin")
_YAML = {"content": {"application/yaml": {}}, "description": "The file's text."}
_TEXT: dict[int | str, dict[str, Any]] = {**PROBLEMS, 200: _YAML}
_TAKES_TEXT = {
    "requestBody": {
        "required": True,
        "content": {"application/yaml": {"schema": {"type": "object"}}},
    }
}
