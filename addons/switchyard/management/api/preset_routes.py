"""Routes that show the shipped presets, and add a provider from one of them."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic import Field
from pydantic import SecretStr

from switchyard.config.presets import preset_names
from switchyard.config.problems import ConfigError
from switchyard.management.api.bodies import RequestBody
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.api.errors import details_of
from switchyard.management.changing import ANY
from switchyard.management.changing import ChangeRefused
from switchyard.management.changing import Changes
from switchyard.management.changing import Wish
from switchyard.management.desk import Desk
from switchyard.management.new_provider import NewProviderError
from switchyard.management.new_provider import draft_provider
from switchyard.management.new_provider import listed_models
from switchyard.management.new_provider import prefix_of
from switchyard.management.new_provider import suggested_model


class PresetRow(BaseModel):
    """A preset, and how keys of it begin (empty where that is not known)."""

    name: str
    prefix: str


class PresetList(BaseModel):
    presets: list[PresetRow]


class NewProvider(RequestBody):
    """A provider to add."""

    preset: str = Field(max_length=64)
    key: SecretStr = Field(min_length=1, max_length=8192)


class AddedProvider(BaseModel):
    provider: str
    models: int
    """How many it lists."""
    diff: str
    suggested: str
    """A model of it to ask for first; empty if it lists none."""


def preset_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Returns the routes of presets."""
    routes = APIRouter(tags=["presets"], responses=PROBLEMS)

    @routes.get("/presets")
    async def read_presets(caller: Viewer) -> PresetList:
        """Returns the shipped presets."""
        rows = [PresetRow(name=name, prefix=prefix_of(name)) for name in preset_names()]
        return PresetList(presets=rows)

    @routes.post("/presets/add", responses=CHANGES)
    async def add_provider(caller: Admin, wanted: NewProvider) -> AddedProvider:
        """Adds a provider; its list of models is read with the key before anything is written."""
        if wanted.preset not in preset_names():
            raise ApiProblem(422, "There is no such preset. GET presets lists them.")
        key = wanted.key.get_secret_value()
        wish = Wish(caller=caller, action=f"add provider {wanted.preset}", if_match=ANY)
        try:
            first = await asyncio.to_thread(draft_provider, desk.editor(), wanted.preset, key)
            around = desk.runtime.listeners.environment
            models = await listed_models(first, wanted.preset, wanted.key, around)
            made = await changes.make(wish, lambda one: draft_provider(one, wanted.preset, key))
        except NewProviderError as e:
            raise ApiProblem(422, str(e)) from None
        except ChangeRefused as e:
            raise ApiProblem(e.status, e.detail) from None
        except ConfigError as e:
            raise ApiProblem(422, "The configuration would not be valid.", details_of(e)) from None
        suggested = suggested_model(wanted.preset, models)
        return AddedProvider(
            provider=wanted.preset, models=len(models), diff=made.diff, suggested=suggested
        )

    return routes
