"""Routes of client keys: list, make, rotate, block and delete those of the keys file."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Annotated
from typing import Any

from fastapi import APIRouter
from fastapi import Query
from fastapi import Request
from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import Field

from switchyard.clients.key_book import KeyBook
from switchyard.clients.key_book import KeyBookError
from switchyard.clients.key_book import NoSuchKey
from switchyard.clients.key_command import key_members
from switchyard.clients.key_command import state_of
from switchyard.clients.key_format import IssuedKey
from switchyard.clients.tool_setup import setup_lines
from switchyard.config.client_keys import ClientKey
from switchyard.config.problems import ConfigError
from switchyard.management.api.bodies import RequestBody
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.doorkeeper import Viewer
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.api.errors import details_of
from switchyard.management.caller import Caller
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.values.units import parse_duration

_DAY = 86_400.0
_LONGEST_GRACE = 31 * _DAY


class KeyList(BaseModel):
    """The client keys, without their secrets and hashes."""

    writable: bool
    """Whether there is a keys file, so that keys can be made."""
    keys: list[dict[str, Any]]


class KeySettings(RequestBody):
    """Settings of a key by their dotted names, as `scripts/keys set` takes them."""

    settings: dict[str, Any] = Field(max_length=64)


class Rotation(RequestBody):
    """For how long the secret before is accepted."""

    grace: Annotated[float, BeforeValidator(parse_duration), Field(ge=0, le=_LONGEST_GRACE)] = _DAY
    """Seconds, or a duration such as `7d`."""


class Issued(BaseModel):
    """A key that is shown this once."""

    id: str
    name: str | None
    key: str
    lines: list[str]
    """What sets up a tool with it."""


class KeyState(BaseModel):
    key: dict[str, Any]


type _Act[T] = Callable[[KeyBook], T]


def key_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Returns the routes of client keys."""
    routes = APIRouter(tags=["keys"], responses=PROBLEMS)
    keys = _Keys(desk, changes)

    @routes.get("/keys")
    async def read_keys(caller: Viewer) -> KeyList:
        """Returns all client keys, those of the keys file with what they may be changed to."""
        return KeyList(writable=keys.file is not None, keys=await keys.rows())

    @routes.post("/keys", responses=CHANGES)
    async def make_key(caller: Admin, request: Request, wanted: KeySettings) -> Issued:
        """Makes a key; its secret is in this answer alone."""
        issued = await keys.act(caller, "make a key", lambda book: book.add(wanted.settings))
        return await keys.shown(issued, request)

    @routes.post("/keys/{who}/rotate", responses=CHANGES)
    async def rotate_key(
        caller: Admin,
        request: Request,
        who: str,
        grace: Annotated[
            float | None, Query(ge=0, le=_LONGEST_GRACE, description="Seconds")
        ] = None,
        wanted: Rotation | None = None,
    ) -> Issued:
        """Gives a key another secret; the one before is accepted for `grace`, a day by default."""
        now = datetime.now(UTC)
        if grace is None:
            grace = (wanted or Rotation()).grace
        issued = await keys.act(caller, f"rotate {who}", lambda book: book.rotate(who, grace, now))
        return await keys.shown(issued, request)

    @routes.patch("/keys/{who}", responses=CHANGES)
    async def change_key(caller: Admin, who: str, wanted: KeySettings) -> KeyState:
        """Changes settings of a key; null takes one back."""
        made = await keys.act(caller, f"set {who}", lambda book: book.change(who, wanted.settings))
        return KeyState(key=key_members(made))

    _add_ends(routes, keys)
    return routes


def _add_ends(routes: APIRouter, keys: "_Keys") -> None:
    @routes.post("/keys/{who}/block", responses=CHANGES)
    async def block_key(caller: Admin, who: str) -> KeyState:
        """Has a key refused until it is unblocked."""
        blocked = {"blocked": True}
        made = await keys.act(caller, f"block {who}", lambda book: book.change(who, blocked))
        return KeyState(key=key_members(made))

    @routes.post("/keys/{who}/unblock", responses=CHANGES)
    async def unblock_key(caller: Admin, who: str) -> KeyState:
        """Has a blocked key accepted again."""
        accepted = {"blocked": None}
        made = await keys.act(caller, f"unblock {who}", lambda book: book.change(who, accepted))
        return KeyState(key=key_members(made))

    @routes.delete("/keys/{who}", responses=CHANGES)
    async def delete_key(caller: Admin, who: str) -> KeyState:
        """Removes a key for good."""
        gone = await keys.act(caller, f"delete {who}", lambda book: book.remove(who))
        return KeyState(key={"id": gone.id, "name": gone.name})


class _Keys:
    """The keys file of the configuration in force, changed under the audit."""

    def __init__(self, desk: Desk, changes: Changes) -> None:
        self._desk = desk
        self._changes = changes

    @property
    def file(self) -> Path | None:
        named = self._desk.snapshot.config.clients.keys_file
        return Path(named) if named else None

    async def rows(self) -> list[dict[str, Any]]:
        """All keys; those of the keys file with their settings as written."""
        file = self.file
        stored = await asyncio.to_thread(self._book(file).keys) if file is not None else []
        own = {one.key.id or one.key.name for one in stored}
        others = [
            _row(key)
            for key in self._desk.snapshot.config.clients.api_keys
            if (key.id or key.name) not in own
        ]
        return [{**key_members(one), "writable": True} for one in stored] + others

    async def act[T](self, caller: Caller, action: str, act: _Act[T]) -> T:
        """What `act` makes of the keys file, once it is in force. Raises ApiProblem."""
        file = self.file
        if file is None:
            raise ApiProblem(409, "The configuration names no clients.keys-file to write keys to.")
        try:
            made = await asyncio.to_thread(act, self._book(file))
        except NoSuchKey as e:
            raise ApiProblem(404, str(e)) from None
        except KeyBookError as e:
            raise ApiProblem(422, str(e)) from None
        except ConfigError as e:
            raise ApiProblem(422, "The key would not be valid.", details_of(e)) from None
        except OSError as e:
            raise ApiProblem(503, f"The keys file cannot be written ({e.strerror}).") from None
        await self._changes.note(caller, action)
        if why := await self._desk.reloading.reload():
            raise ApiProblem(422, why)
        return made

    async def shown(self, issued: IssuedKey, request: Request) -> Issued:
        file = self.file
        assert file is not None
        stored = await asyncio.to_thread(self._book(file).find, issued.id)
        lines = setup_lines("claude", f"http://{request.headers['host']}", issued.text)
        return Issued(id=issued.id, name=stored.key.name or None, key=issued.text, lines=lines)

    def _book(self, file: Path) -> KeyBook:
        clients = self._desk.snapshot.config.clients
        own = frozenset(key.name for key in clients.api_keys if not key.id)
        return KeyBook(file, self._desk.reloading.environ, own, clients.policies.keys())


def _row(key: ClientKey) -> dict[str, Any]:
    """A key of the main file, which is changed there."""
    expires = key.expires.isoformat() if key.expires else None
    return {
        "id": key.id,
        "name": key.name or None,
        "state": state_of(key, time.time()),
        "expires": expires,
        "writable": False,
    }
