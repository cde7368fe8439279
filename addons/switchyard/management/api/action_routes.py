"""Routes that ask the router to do or explain something, without a change of the configuration."""

from typing import Annotated
from typing import Any

from fastapi import APIRouter
from fastapi import Body
from pydantic import BaseModel
from pydantic import Field
from pydantic import SecretStr

from switchyard.accounts.token import SourceError
from switchyard.attempt.model_trial import Trial
from switchyard.attempt.model_trial import try_model
from switchyard.config.provider import credentials_of
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.routing.catalog import ModelNotAllowed
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.explanation import client_key_named
from switchyard.routing.explanation import explain
from switchyard.routing.plans import ModelTarget


class ExplainQuestion(BaseModel):
    """A name, and the client key that asks for it (its name or id)."""

    model: str = Field(min_length=1, max_length=512)
    client_key: str = Field(default="", max_length=256)


class Explained(BaseModel):
    """Which plan the name gets, and why; `text` for people, `plan` for programs."""

    text: str
    plan: dict[str, Any]


class TrialQuestion(BaseModel):
    """What is tried: a name of `GET models`, such as `provider/model`."""

    model: str = Field(min_length=1, max_length=512)


class TrialAnswer(BaseModel):
    """Whether the first model that the name leads to answered, how fast, and what."""

    ok: bool
    provider: str
    model: str
    ms: int
    text: str
    error: str


class Done(BaseModel):
    status: str = "ok"


class ResetQuestion(BaseModel):
    """Whose cooldowns end; all where no provider is named."""

    provider: str = Field(default="", max_length=256)


def action_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Returns the routes of actions."""
    routes = APIRouter(tags=["actions"], responses=PROBLEMS)

    @routes.post("/explain")
    async def explain_model(caller: Viewer, asked: ExplainQuestion) -> Explained:
        """Says which plan a name gets, and why. It asks no provider."""
        config, catalog = desk.snapshot.config, desk.snapshot.catalog
        key = client_key_named(config.clients, asked.client_key)
        if asked.client_key and key is None:
            raise ApiProblem(404, "There is no client key of this name.")
        found = explain(config, asked.model, key, catalog=catalog)
        return Explained(text=found.as_text(), plan=found.as_json())

    @routes.post("/test")
    async def test_model(caller: Admin, asked: TrialQuestion) -> TrialAnswer:
        """Sends one tiny request to the first model that a name leads to."""
        target = _first_target(desk, asked.model)
        trial = await _try(desk, target)
        return TrialAnswer(
            ok=not trial.error,
            provider=target.provider.name,
            model=target.model,
            ms=trial.ms,
            text=trial.text,
            error=trial.error,
        )

    @routes.post("/cooldowns/reset")
    async def reset_cooldowns(
        caller: Admin, asked: Annotated[ResetQuestion | None, Body()] = None
    ) -> Done:
        """Ends the cooldowns of all providers, or of one."""
        named = asked.provider if asked is not None else ""
        providers = [one.name for one in desk.snapshot.config.providers]
        if named and named not in providers:
            raise ApiProblem(404, "There is no provider of this name.")
        for name in [named] if named else providers:
            desk.runtime.state.health.forget(name)
        await changes.note(caller, f"cooldowns/reset {named}".strip())
        return Done()

    @routes.post("/reload")
    async def reload_file(caller: Admin) -> Done:
        """Reads the configuration file again, now. A file with errors changes nothing."""
        if why := await desk.reloading.reload():
            raise ApiProblem(422, why)
        return Done()

    return routes


def _first_target(desk: Desk, model: str) -> ModelTarget:
    try:
        plan = desk.snapshot.catalog.resolve(model)
    except (UnknownModel, ModelNotAllowed) as e:
        raise ApiProblem(404, str(e)) from None
    found = next((one for one in plan.targets if one.kind == "model"), None)
    if found is None or found.provider.credentials == "forward":
        raise ApiProblem(422, "This name leads to clients' own logins alone: nothing can be tried.")
    if found.provider.platform is not None:
        raise ApiProblem(422, "Clouds sign each request; ask for the model to try it.")
    return found


async def _try(desk: Desk, target: ModelTarget) -> Trial:
    snapshot, provider = desk.snapshot, target.provider
    credential, name = next(iter(credentials_of(provider))), provider.formats[0]
    key: SecretStr | None = snapshot.routes.key(credential)
    if (source := snapshot.routes.source(credential)) is not None:
        try:
            key = await desk.runtime.accounts.obtain(source)
        except SourceError as e:
            return Trial(0, error=f"its credential {e}")
    way, base = snapshot.egress.of(credential, name), snapshot.base_url(provider, name)
    return await try_model(provider, target.model, key, way, base)
