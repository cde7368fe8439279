"""Follows the configuration file: tells of its changes, and audits those that an editor made."""

import asyncio
import sqlite3
import time

from mitmproxy.utils import asyncio_utils

from switchyard.config.editing.config_file import etag_of
from switchyard.config.editing.editor import masked_diff
from switchyard.management.audit import Audit
from switchyard.management.audit import AuditRow
from switchyard.management.desk import Desk


class FileEdits:
    """Compares the file with what it was, each time that a configuration comes into force.

    Each change becomes a `config` event, behind the row of the audit that tells it.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last: bytes | None = None
        self._turn = asyncio.Lock()

    def begin(self) -> None:
        """Takes the present content for known, and follows it from now on."""
        self._look(adds=False)
        self._desk.runtime.on_change(lambda: self._look(adds=True))

    def _look(self, adds: bool) -> None:
        asyncio_utils.create_task(
            self._compare(adds), name="switchyard audit of the file", keep_ref=True
        )

    async def _compare(self, adds: bool) -> None:
        async with self._turn:
            try:
                before, self._last = self._last, await asyncio.to_thread(self._content)
            except OSError as e:
                self._desk.complain("the configuration file cannot be read", e)
                return
            if before == self._last:
                return
            if adds and before is not None:
                await self._audit(before, self._last)
            self._desk.config_etag = etag_of(self._last)
            data = {"etag": self._desk.config_etag, "time": time.time()}
            self._desk.events.publish("config", data)

    def _content(self) -> bytes:
        return self._desk.editor().content()

    async def _audit(self, before: bytes, content: bytes) -> None:
        try:
            await asyncio.to_thread(self._note, before, content)
        except (sqlite3.Error, OSError) as e:
            self._desk.complain("the audit cannot be written", e)

    def _note(self, before: bytes, content: bytes) -> None:
        texts = [one.decode("utf-8-sig", "replace") for one in (before, content)]
        Audit(self._desk.folder).add(
            AuditRow(
                at=time.time(),
                who="",
                via="file",
                action="edit",
                diff=masked_diff(*texts),
                etag=etag_of(content),
            )
        )
