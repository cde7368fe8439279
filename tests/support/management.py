"""The management API without a proxy: its application over a file, and a caller with its key."""

from collections.abc import Mapping
from pathlib import Path

from starlette.types import ASGIApp
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from switchyard.config.reload import ConfigSource
from switchyard.config.schema import Config
from switchyard.config.watcher import ConfigWatcher
from switchyard.management.api.app import create_app
from switchyard.management.caller import CALLER
from switchyard.management.caller import PROOF
from switchyard.management.caller import Caller
from switchyard.management.desk import Desk
from switchyard.runtime.runtime import Runtime

_PROOF = "proof-of-the-proxy"


class FileReloading:
    """Puts a file in force when it is asked to, as the addon `Settings` does."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        self.path = path
        self.template = None
        self.environ: Mapping[str, str] = {}
        source = ConfigSource(path, self.environ)
        self._watcher = ConfigWatcher(source, self.why_not, runtime.prepare)
        runtime.reloading = self
        runtime.apply(source.load())

    def why_not(self, config: Config) -> str:
        return ""

    async def reload(self) -> str:
        return await self._watcher.poll()


class ManagementApp:
    """The application; a request with the right key is an admin's, another one nobody's."""

    def __init__(self, path: Path, key: str) -> None:
        """Serves the configuration file at `path`."""
        self.desk = Desk(Runtime())
        FileReloading(self.desk.runtime, path)
        self._app: ASGIApp = create_app(self.desk, _PROOF)
        self._key = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": self._as_of_the_proxy(scope["headers"])}
        await self._app(scope, receive, send)

    def _as_of_the_proxy(self, sent: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        has_key = any(name == b"authorization" and value == self._key for name, value in sent)
        caller = Caller(peer="127.0.0.1")
        if has_key:
            caller = Caller(peer="127.0.0.1", who="management", holder="management:1", role="admin")
        kept = [field for field in sent if field[0] not in (b"authorization", b"x-management-key")]
        ours = ((CALLER, caller.encoded()), (PROOF, _PROOF))
        return [*kept, *((name.encode(), value.encode()) for name, value in ours)]
