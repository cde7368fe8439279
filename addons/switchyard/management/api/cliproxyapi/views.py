"""What CLIProxyAPI's resources have in common: they are views of the file, and write to it."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from switchyard.config.editing.editor import MaskOf
from switchyard.management.api.config_routes import ConfigWriter
from switchyard.management.api.config_routes import wish_of
from switchyard.management.caller import Caller

type ViewChange = Callable[[dict[str, Any], MaskOf], object]
"""Changes the values of the file as a call asks. Raises ApiProblem."""


class Done(BaseModel):
    """What a write answers."""

    status: str = "ok"


class ViewWriter:
    """Writes what calls ask for. As CLIProxyAPI documents them, they need no If-Match."""

    def __init__(self, writer: ConfigWriter) -> None:
        self._writer = writer

    async def change(self, caller: Caller, action: str, make: ViewChange) -> Done:
        """Makes a change and returns once it is in force; `action` is what the audit calls it."""
        wish = wish_of(caller, action, None, needs_match=False)
        await self._writer.make(wish, lambda editor: editor.draft_knowing(make))
        return Done()
