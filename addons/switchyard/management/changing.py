"""Writes changes of the configuration: checked, audited, and in force when it returns."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass

from switchyard.config.editing.config_file import ReadOnly
from switchyard.config.editing.config_file import Stale
from switchyard.config.editing.config_file import etag_of
from switchyard.config.editing.editor import ConfigDraft
from switchyard.config.editing.editor import ConfigEditor
from switchyard.management.audit import Audit
from switchyard.management.audit import AuditRow
from switchyard.management.caller import Caller
from switchyard.management.desk import Desk

type MakeDraft = Callable[[ConfigEditor], ConfigDraft | None]

ANY = "*"
"""The `If-Match` that takes whatever is there (RFC 9110, 13.1.1)."""


class ChangeRefused(Exception):
    """A change that was not made, or undone; `status` is that of HTTP."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a change is to be made."""

    caller: Caller
    action: str
    """What the audit calls it."""
    if_match: Collection[str] | None
    """The etags that the caller knows, or `ANY`."""
    needs_match: bool = True
    """Whether a change without `if_match` is refused."""
    dry_run: bool = False


class Changes:
    """Makes one change after another; changes of other processes are noticed by their etags."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turn = asyncio.Lock()

    async def make(
        self, wish: Wish, draft: Callable[[ConfigEditor], ConfigDraft | None]
    ) -> ConfigDraft:
        """Writes what `draft` makes, and returns it once it is in force.

        `draft` runs in a thread. Raises ChangeRefused, and what `draft` raises.
        """
        if wish.if_match is None and wish.needs_match:
            detail = "Send If-Match with the ETag of what you read, or * to force."
            raise ChangeRefused(428, detail)
        async with self._turn:
            editor = self._desk.editor()
            made = await asyncio.to_thread(draft, editor)
            if made is None:
                raise ChangeRefused(404, "There is no such version.")
            known = wish.if_match
            if known is not None and ANY not in known and etag_of(made.before) not in known:
                raise ChangeRefused(412, "The file has changed since you read it. Read it again.")
            reloading = self._desk.reloading
            if why := reloading.why_not(made.config):
                raise ChangeRefused(422, why)
            if not wish.dry_run and made.after != made.before:
                await self._write(editor, made, wish)
            return made

    async def _write(self, editor: ConfigEditor, made: ConfigDraft, wish: Wish) -> None:
        try:
            await asyncio.to_thread(editor.write, made, ANY in (wish.if_match or ()))
        except Stale:
            raise ChangeRefused(412, "The file changed meanwhile. Read it again.") from None
        except ReadOnly as e:
            detail = f"The file {editor.file.path} cannot be changed: {e.strerror}."
            raise ChangeRefused(409, detail) from None
        except OSError as e:
            detail = f"The change cannot be written: {e.strerror or type(e).__name__}."
            raise ChangeRefused(503, detail) from None
        await self.note(wish.caller, wish.action, made.diff, made.etag)
        if why := await self._desk.reloading.reload():
            await asyncio.to_thread(editor.file.write, made.before, None)
            await self.note(wish.caller, f"undone: {wish.action}", "", etag_of(made.before))
            await self._desk.reloading.reload()
            raise ChangeRefused(422, why)

    async def note(self, caller: Caller, action: str, diff: str = "", etag: str = "") -> None:
        """Adds a row to the audit. A disk that is full does not keep a change from being made."""
        row = AuditRow(
            at=time.time(),
            who=caller.who,
            role=caller.role or "",
            peer=caller.peer,
            via="dashboard" if caller.holder == "page" or caller.has_session else "api",
            action=action,
            diff=diff,
            etag=etag,
        )
        try:
            await asyncio.to_thread(Audit(self._desk.folder).add, row)
        except (sqlite3.Error, OSError) as e:
            self._desk.complain("the audit cannot be written", e)
