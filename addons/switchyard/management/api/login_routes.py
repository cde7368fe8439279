"""Routes that show accounts, log in to them by a code or a pasted address, and log out."""

import asyncio
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic import Field

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import REF
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.accounts.store import accounts_folder
from switchyard.config.account_flows import AccountFlow
from switchyard.config.account_presets import account_names
from switchyard.config.account_presets import shipped_account
from switchyard.config.schema import Config
from switchyard.management.api.bodies import RequestBody
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.management.logins import Login
from switchyard.management.logins import Logins
from switchyard.management.logins import LoginsBusy

SHOWN_WITHIN = 15.0
"""Seconds that a provider may take to give a code."""
_LOCKED_WITHIN = 5.0
"""Seconds to wait for an account that is being refreshed."""


class AccountFlowRow(BaseModel):
    """A provider's way to log in."""

    name: str
    title: str
    status: str
    position: str
    """The provider's word on other programs."""
    instead: str
    ways: list[Literal["device", "paste"]]
    closed: str
    """Why there is no login; empty where there is one."""


class AccountRow(BaseModel):
    """An account that was logged in to."""

    ref: str
    state: str
    subject: str
    expires: float | None
    """Unix seconds; None where its token does not expire or is renewed."""
    error: str


class AccountList(BaseModel):
    flows: list[AccountFlowRow]
    accounts: list[AccountRow]


class LoginWish(RequestBody):
    """Which account is logged in to, and how."""

    account: str = Field(max_length=128, pattern=f"^(?:{REF.pattern})$")
    """NAME, or NAME/LABEL for one of several."""
    by: Literal["device", "paste"]


class PastedText(RequestBody):
    text: str = Field(min_length=1, max_length=8192)


class ShownLogin(BaseModel):
    """How a login is."""

    id: str
    ref: str
    state: Literal["beginning", "waiting", "done", "failed"]
    url: str
    code: str
    whole_url: str
    asks: bool
    error: str
    subject: str


def login_routes(desk: Desk, changes: Changes, logins: Logins) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["accounts"], responses=PROBLEMS)

    @routes.get("/accounts")
    async def read_accounts(caller: Viewer) -> AccountList:
        """Returns the accounts that can be logged in to, and those that were."""
        found = await asyncio.to_thread(account_flows, desk.snapshot.config)
        flows = [_flow_row(name, flow) for name, flow in sorted(found.items())]
        return AccountList(flows=flows, accounts=await asyncio.to_thread(_accounts))

    @routes.delete("/accounts/{ref:path}")
    async def end_account(caller: Admin, ref: str) -> AccountList:
        """Removes an account's tokens from this machine, as `scripts/login logout` does."""
        store = account_store()
        if ref not in await asyncio.to_thread(store.refs):
            raise ApiProblem(404, "There is no such account. GET accounts lists them.")
        await asyncio.to_thread(log_out, store, [ref])
        await changes.note(caller, f"log out of {ref}")
        return await read_accounts(caller)

    @routes.post("/logins")
    async def begin_login(caller: Admin, wish: LoginWish) -> ShownLogin:
        """Begins a login, and returns the page to open and the code to type there."""
        flows = await asyncio.to_thread(account_flows, desk.snapshot.config)
        flow = flows.get(wish.account.partition("/")[0])
        if flow is None:
            raise ApiProblem(404, "There is no such account. GET accounts lists them.")
        if why := flow.why_closed:
            raise ApiProblem(422, f"The account {why.rstrip('.')}.")
        try:
            login = logins.begin(wish.account, flow, wish.by)
        except LoginsBusy as e:
            raise ApiProblem(503, f"{e}.") from None
        await changes.note(caller, f"log in to {wish.account}")
        await asyncio.to_thread(login.wait_until_shown, SHOWN_WITHIN)
        return _shown(login)

    _add_logins(routes, logins)
    return routes


def _add_logins(routes: APIRouter, logins: Logins) -> None:
    def find(id: str) -> Login:
        if (login := logins.find(id)) is None:
            raise ApiProblem(404, "There is no such login. Begin anew.")
        return login

    @routes.get("/logins/{id}")
    async def read_login(caller: Admin, id: str) -> ShownLogin:
        """Returns how a login is."""
        return _shown(find(id))

    @routes.post("/logins/{id}/paste")
    async def paste_callback(caller: Admin, id: str, pasted: PastedText) -> ShownLogin:
        """Hands over the address that the browser was sent to, or the code in it."""
        login = find(id)
        if not login.paste(pasted.text):
            raise ApiProblem(422, "This login waits for nothing to be pasted.")
        return _shown(login)

    @routes.delete("/logins/{id}")
    async def end_login(caller: Admin, id: str) -> ShownLogin:
        """Gives a login up."""
        login = find(id)
        login.end()
        return _shown(login)


def _shown(login: Login) -> ShownLogin:
    return ShownLogin(id=login.id, **asdict(login.status))


def account_flows(config: Config) -> dict[str, AccountFlow]:
    """Returns all accounts by name. Reads the shipped ones from the disk, the first time."""
    shipped = {name: shipped_account(name) for name in account_names()}
    return {**shipped, **config.accounts}


def _flow_row(name: str, flow: AccountFlow) -> AccountFlowRow:
    ways: list[Literal["device", "paste"]] = []
    if flow.device is not None:
        ways.append("device")
    if flow.authorize is not None:
        ways.append("paste")
    return AccountFlowRow(
        name=name,
        title=flow.title or name,
        status=flow.status,
        position=flow.position,
        instead=flow.instead,
        ways=ways,
        closed=flow.why_closed,
    )


def account_store() -> AccountStore:
    """Returns where accounts are kept."""
    return AccountStore(accounts_folder(os.environ))


def _accounts() -> list[AccountRow]:
    store, rows = account_store(), []
    for ref in store.refs():
        try:
            record = store.load(ref)
        except AccountStoreError as e:
            rows.append(
                AccountRow(ref=ref, state="unreadable", subject="", expires=None, error=str(e))
            )
            continue
        if record is not None:
            row = AccountRow(ref=ref, state=account_state(record), subject=record.subject,
                             expires=_end(record), error=record.error)  # fmt: skip
            rows.append(row)
    return rows


def log_out(store: AccountStore, refs: Sequence[str]) -> int:
    """Removes accounts; returns how many there were. Blocks. Raises ApiProblem."""
    gone = 0
    for ref in refs:
        try:
            with store.lock(ref, within=_LOCKED_WITHIN):
                gone += store.delete(ref)
        except (AccountStoreError, OSError):
            raise ApiProblem(503, f"The account {ref} is in use. Try again later.") from None
    return gone


def account_state(record: AccountRecord) -> str:
    """How an account is; `expired` if its token has run out and is not renewed."""
    ends = _end(record)
    is_over = record.state == "ok" and ends is not None and ends <= time.time()
    return "expired" if is_over else record.state


def _end(record: AccountRecord) -> float | None:
    """When an account ends; None where its token does not expire or is renewed."""
    lasts = record.refresh_token or math.isinf(record.expires_at)
    return None if lasts else record.expires_at
