"""Routes of keys as CLIProxyAPI documents them: of clients, and of Gemini, Claude and Codex.

Source: CLIProxyAPI, "Management API", "API Keys", "Gemini API Key", "Generative Language API Key",
"Codex API KEY" and "Claude API KEY". Keys are masked; a masked key that is sent back is unchanged.
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

from switchyard.config.editing.editor import MaskOf
from switchyard.management.api.cliproxyapi.channels import GEMINI
from switchyard.management.api.cliproxyapi.channels import KINDS
from switchyard.management.api.cliproxyapi.channels import Channel
from switchyard.management.api.cliproxyapi.channels import ChannelKind
from switchyard.management.api.cliproxyapi.text_lists import ChannelKeys
from switchyard.management.api.cliproxyapi.text_lists import ClientKeys
from switchyard.management.api.cliproxyapi.text_lists import TextList
from switchyard.management.api.cliproxyapi.text_lists import patch_text
from switchyard.management.api.cliproxyapi.text_lists import remove_text
from switchyard.management.api.cliproxyapi.views import Done
from switchyard.management.api.cliproxyapi.views import ViewWriter
from switchyard.management.api.config_routes import read_values
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.desk import Desk

type _ListOf = Callable[[dict[str, Any]], TextList]

Index = Annotated[int | None, Query(ge=0)]


class TextItems(BaseModel):
    """Keys under `items`."""

    items: list[str]


class TextPatch(BaseModel):
    """Which key is changed, and to what: by itself or by its place."""

    old: str | None = None
    new: str | None = None
    index: int | None = Field(default=None, ge=0)
    value: str | None = None


class ChannelEntry(BaseModel):
    """A key with its settings."""

    api_key: str | None = Field(default=None, alias="api-key")
    base_url: str | None = Field(default=None, alias="base-url")
    proxy_url: str | None = Field(default=None, alias="proxy-url")
    prefix: str | None = None
    headers: dict[str, str] | None = None
    excluded_models: list[str] | None = Field(default=None, alias="excluded-models")
    models: list[dict[str, Any]] | None = None
    weight: int | None = None
    priority: int | None = None

    def members(self, mask: MaskOf) -> dict[str, Any]:
        """Returns what was sent, with the masks of keys that the file has."""
        sent = self.model_dump(by_alias=True, exclude_unset=True)
        return {**sent, "api-key": mask(sent["api-key"])} if sent.get("api-key") else sent


class ChannelItems(BaseModel):
    items: list[ChannelEntry]


class ChannelPatch(BaseModel):
    """Which key is changed: by its place or by itself; and what of it."""

    index: int | None = Field(default=None, ge=0)
    match: str | None = Field(default=None, validation_alias=AliasChoices("match", "api-key"))
    value: ChannelEntry


def key_view_routes(desk: Desk, writer: ViewWriter) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["CLIProxyAPI"], responses=PROBLEMS)
    _add_list(routes, desk, writer, "api-keys", ClientKeys)
    _add_list(
        routes,
        desk,
        writer,
        "generative-language-api-key",
        lambda given: ChannelKeys(given, GEMINI),
    )
    for kind in KINDS:
        _add_channel(routes, desk, writer, kind)
    return routes


def _add_list(
    routes: APIRouter, desk: Desk, writer: ViewWriter, path: str, list_of: _ListOf
) -> None:
    @routes.get(f"/{path}")
    async def read_texts(caller: Viewer, response: Response) -> dict[str, list[str]]:
        """Returns the keys, masked."""
        return {path: list_of(await read_values(desk, response)).texts()}

    @routes.put(f"/{path}", responses=CHANGES)
    async def put_texts(caller: Admin, body: Annotated[list[str] | TextItems, Body()]) -> Done:
        """Replaces the keys; those that stay keep their settings."""
        wanted = body if isinstance(body, list) else body.items

        def make(given: dict[str, Any], mask: MaskOf) -> None:
            list_of(given).replace([mask(text) for text in wanted])

        return await writer.change(caller, f"PUT /{path}", make)

    @routes.patch(f"/{path}", responses=CHANGES)
    async def patch_texts(caller: Admin, body: TextPatch) -> Done:
        """Puts one key in the place of another; adds it where `old` is none."""

        def make(given: dict[str, Any], mask: MaskOf) -> None:
            old = mask(body.old) if body.old is not None else None
            patch_text(list_of(given), old, body.new, body.index, body.value)

        return await writer.change(caller, f"PATCH /{path}", make)

    @routes.delete(f"/{path}", responses=CHANGES)
    async def delete_text(caller: Admin, value: str | None = None, index: Index = None) -> Done:
        """Removes one key."""

        def make(given: dict[str, Any], mask: MaskOf) -> None:
            remove_text(list_of(given), mask(value) if value is not None else None, index)

        return await writer.change(caller, f"DELETE /{path}", make)


def _add_channel(routes: APIRouter, desk: Desk, writer: ViewWriter, kind: ChannelKind) -> None:
    path = kind.path

    @routes.get(f"/{path}")
    async def read_channel(caller: Viewer, response: Response) -> dict[str, list[dict[str, Any]]]:
        """Returns the keys with their settings, masked."""
        return {path: Channel(await read_values(desk, response), kind).entries()}

    @routes.put(f"/{path}", responses=CHANGES)
    async def put_channel(
        caller: Admin, body: Annotated[list[ChannelEntry] | ChannelItems, Body()]
    ) -> Done:
        """Replaces the keys; other providers stay."""
        entries = body if isinstance(body, list) else body.items

        def make(given: dict[str, Any], mask: MaskOf) -> None:
            Channel(given, kind).replace([entry.members(mask) for entry in entries])

        return await writer.change(caller, f"PUT /{path}", make)

    @routes.patch(f"/{path}", responses=CHANGES)
    async def patch_channel(caller: Admin, body: ChannelPatch) -> Done:
        """Changes one key or its settings."""

        def make(given: dict[str, Any], mask: MaskOf) -> None:
            channel = Channel(given, kind)
            match = mask(body.match) if body.match is not None else None
            channel.patch(channel.find(match, body.index), body.value.members(mask))

        return await writer.change(caller, f"PATCH /{path}", make)

    @routes.delete(f"/{path}", responses=CHANGES)
    async def delete_of_channel(
        caller: Admin,
        api_key: Annotated[str | None, Query(alias="api-key")] = None,
        index: Index = None,
    ) -> Done:
        """Removes one key; a provider goes with its last."""

        def make(given: dict[str, Any], mask: MaskOf) -> None:
            channel = Channel(given, kind)
            text = mask(api_key) if api_key is not None else None
            channel.remove(channel.find(text, index))

        return await writer.change(caller, f"DELETE /{path}", make)
