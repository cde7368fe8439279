"""Notes in the audit what was changed in the configuration file by an editor."""

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
    """Compares the file with what it was, each time that a configuration comes into force."""

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
                await asyncio.to_thread(self._note, adds)
            except (sqlite3.Error, OSError) as e:
                self._desk.complain("the audit cannot be written", e)

    def _note(self, adds: bool) -> None:
        content = self._desk.editor().content()
        before, self._last = self._last, content
        if not adds or before is None or before == content:
            return
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
