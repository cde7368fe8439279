"""Routes of accounts as CLIProxyAPI documents them: its files, logins, and excluded models.

Tokens neither leave the router nor come in by upload: accounts are logged in to.
Source: CLIProxyAPI, "Management API", "OAuth Excluded Models", "Auth File Management" and
"Login/OAuth URLs".
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Annotated
from typing import Any

from fastapi import APIRouter
from fastapi import Body
from fastapi import Path
from fastapi import Query
from fastapi import Response
from pydantic import BaseModel

from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.accounts.store import split_ref
from switchyard.management.api.cliproxyapi.views import Done
from switchyard.management.api.cliproxyapi.views import ViewWriter
from switchyard.management.api.config_routes import read_values
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.api.login_routes import SHOWN_WITHIN
from switchyard.management.api.login_routes import account_flows
from switchyard.management.api.login_routes import account_state
from switchyard.management.api.login_routes import account_store
from switchyard.management.api.login_routes import log_out
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.management.logins import Logins
from switchyard.management.logins import LoginsBusy

_EXCLUDED = "oauth-excluded-models"
_FLOWS = {"anthropic": "claude", "codex": "chatgpt"}
"""CLIProxyAPI's names of logins that are called otherwise here."""


class Files(BaseModel):
    """Accounts as files."""

    files: list[dict[str, Any]]


class ExcludedItems(BaseModel):
    items: dict[str, list[str]]


class ExcludedPatch(BaseModel):
    """The models of one provider; an empty list lets all of them be asked for."""

    provider: str
    models: list[str]


def account_view_routes(
    desk: Desk, changes: Changes, writer: ViewWriter, logins: Logins
) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["CLIProxyAPI"], responses=PROBLEMS)
    _add_files(routes, changes)
    _add_logins(routes, desk, changes, logins)
    _add_excluded(routes, desk, writer)
    return routes


def _add_files(routes: APIRouter, changes: Changes) -> None:
    @routes.get("/auth-files")
    async def read_files(caller: Viewer) -> Files:
        """Returns the accounts that are logged in to, without their tokens."""
        return Files(files=await asyncio.to_thread(_files, account_store()))

    @routes.delete("/auth-files")
    async def delete_files(
        caller: Admin, name: str | None = None, all: Annotated[bool, Query()] = False
    ) -> dict[str, Any]:
        """Logs out of the account of a file, or of all."""
        store = account_store()
        refs = await asyncio.to_thread(store.refs)
        chosen = refs if all else [ref for ref in refs if store.path(ref).name == name]
        if not all and not chosen:
            raise ApiProblem(404, "There is no such file.")
        for ref in chosen:
            await changes.note(caller, f"log out of {ref}")
        gone = await asyncio.to_thread(log_out, store, chosen)
        return {"status": "ok", **({"deleted": gone} if all else {})}


def _add_logins(routes: APIRouter, desk: Desk, changes: Changes, logins: Logins) -> None:
    @routes.get("/{name}-auth-url")
    async def begin_login(
        caller: Admin,
        name: Annotated[str, Path(max_length=128)],
        is_webui: bool = False,
        project_id: str | None = None,
    ) -> dict[str, Any]:
        """Begins a login; POST logins/STATE/paste hands the callback's address over.

        `is_webui` and `project_id` make no difference.
        """
        flows = await asyncio.to_thread(account_flows, desk.snapshot.config)
        ref = name if name in flows else _FLOWS.get(name, name)
        if (flow := flows.get(ref)) is None:
            raise ApiProblem(404, "There is no such account. GET accounts lists them.")
        if why := flow.why_closed:
            raise ApiProblem(404, f"The account {why.rstrip('.')}.")
        by = "paste" if flow.authorize is not None else "device"
        try:
            login = logins.begin(ref, flow, by)
        except LoginsBusy as e:
            raise ApiProblem(503, f"{e}.") from None
        await changes.note(caller, f"log in to {ref}")
        await asyncio.to_thread(login.wait_until_shown, SHOWN_WITHIN)
        status = login.status
        if status.state == "failed":
            return {"status": "error", "error": status.error}
        return {"status": "ok", "url": status.whole_url or status.url, "state": login.id}

    @routes.get("/get-auth-status")
    async def read_status(caller: Admin, state: str) -> dict[str, str]:
        """Returns how a login is; one that is not known is over."""
        login = logins.find(state)
        if login is None or login.status.state == "done":
            return {"status": "ok"}
        if login.status.state == "failed":
            return {"status": "error", "error": login.status.error}
        return {"status": "wait"}


def _add_excluded(routes: APIRouter, desk: Desk, writer: ViewWriter) -> None:
    @routes.get(f"/{_EXCLUDED}")
    async def read_excluded(caller: Viewer, response: Response) -> dict[str, dict[str, list[str]]]:
        """Returns the models that providers with an account do not have, by provider."""
        found = of_accounts(await read_values(desk, response))
        shown = {name: one["excluded-models"] for name, one in found.items()
                 if one.get("excluded-models")}  # fmt: skip
        return {_EXCLUDED: shown}

    @routes.put(f"/{_EXCLUDED}", responses=CHANGES)
    async def put_excluded(
        caller: Admin, body: Annotated[ExcludedItems | dict[str, list[str]], Body()]
    ) -> Done:
        """Replaces them for all providers with an account."""
        wanted = body.items if isinstance(body, ExcludedItems) else body
        return await writer.change(
            caller, f"PUT /{_EXCLUDED}", lambda given, _: exclude(given, wanted, others=True)
        )

    @routes.patch(f"/{_EXCLUDED}", responses=CHANGES)
    async def patch_excluded(caller: Admin, body: ExcludedPatch) -> Done:
        """Replaces them for one provider."""
        wanted = {body.provider: body.models}
        return await writer.change(
            caller, f"PATCH /{_EXCLUDED}", lambda given, _: exclude(given, wanted)
        )

    @routes.delete(f"/{_EXCLUDED}", responses=CHANGES)
    async def delete_excluded(caller: Admin, provider: str) -> Done:
        """Lets all models of one provider be asked for."""
        return await writer.change(
            caller, f"DELETE /{_EXCLUDED}", lambda given, _: exclude(given, {provider: []})
        )


def of_accounts(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the providers of a file that use an account, by name."""
    found = {}
    for provider in given.get("providers") or ():
        if isinstance(provider, dict) and any(map(_is_account, _keys(provider))):
            found[str(provider.get("name") or provider.get("preset"))] = provider
    return found


def exclude(given: dict[str, Any], wanted: dict[str, list[str]], others: bool = False) -> None:
    """Sets the models that providers do not have. Raises ApiProblem for one without an account.

    With `others`, providers that are not named have all their models.
    """
    there = of_accounts(given)
    known = {name.lower(): name for name in there}
    named = {known.get(name.strip().lower(), ""): models for name, models in wanted.items()}
    if "" in named:
        raise ApiProblem(404, "There is no such provider with an account.")
    for name, provider in there.items():
        if name not in named and not others:
            continue
        models = [model.strip() for model in named.get(name, ()) if model.strip()]
        if models:
            provider["excluded-models"] = list(dict.fromkeys(models))
        else:
            provider.pop("excluded-models", None)


def _keys(provider: dict[str, Any]) -> list[Any]:
    entries = provider.get("api-key-entries")
    listed = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return [provider.get("api-key"), *(one.get("api-key") for one in listed)]


def _is_account(key: object) -> bool:
    return isinstance(key, dict) and "oauth" in key


def _files(store: AccountStore) -> list[dict[str, Any]]:
    return [shown for ref in store.refs() if (shown := _file(store, ref)) is not None]


def _file(store: AccountStore, ref: str) -> dict[str, Any] | None:
    """Returns an account as CLIProxyAPI shows a file; None if it went meanwhile."""
    path, (name, label) = store.path(ref), split_ref(ref)
    try:
        about = path.stat()
    except OSError:
        return None
    try:
        record = store.load(ref)
    except AccountStoreError as error:
        state, subject, message = "unreadable", "", str(error)
    else:
        if record is None:
            return None
        state, subject, message = account_state(record), record.subject, record.error
    changed = datetime.fromtimestamp(about.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    is_ready = state in ("ok", "refreshing", "uncertain")
    return {
        "id": ref,
        "name": path.name,
        "provider": name,
        "type": name,
        "label": label,
        "status": "ready" if is_ready else "error",
        "status_message": message or state,
        "disabled": False,
        "unavailable": not is_ready,
        "runtime_only": False,
        "source": "file",
        "path": str(path),
        "size": about.st_size,
        "modtime": changed,
        "email": subject,
        "updated_at": changed,
    }
