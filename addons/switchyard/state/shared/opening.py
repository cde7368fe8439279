"""Opens shared state as a configuration names it."""

import importlib.util
from pathlib import Path

from switchyard.state.shared.guarded_link import RemoteSettings
from switchyard.state.shared.keeper import LeaseKeeper
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import SharedState
from switchyard.state.shared.remote import RemoteState
from switchyard.state.shared.socket_link import SocketLink

_REDIS_SCHEMES = ("redis", "rediss", "unix")
_SERVED = "served:"


class StateError(ValueError):
    """The configuration names a state that cannot be opened."""


def open_state(
    where: str,
    settings: RemoteSettings | None = None,
    file: Path | None = None,
    installation: str = "default",
) -> SharedState:
    """Return the state that `where` names; `start` connects it.

    In: `memory`, whose counters outlive the process in `file` if there is one; `served:PATH` with
    the parent's socket; or the URL of Redis or Valkey: `redis://`, `rediss://` (TLS), `unix://`
    (its socket), `valkey://`, `valkeys://`. `installation` keeps several routers apart in one
    server. Raises StateError.
    """
    if where in ("", "memory"):
        return MemoryState(keeper=LeaseKeeper(file) if file else None)
    if where.startswith(_SERVED):
        return RemoteState(SocketLink(Path(where.removeprefix(_SERVED))), settings)
    scheme, colon, rest = where.partition("://")
    scheme = scheme.replace("valkey", "redis")
    if not colon or not rest or scheme not in _REDIS_SCHEMES:
        raise StateError("state: unknown kind of address; write `memory` or redis://HOST:PORT")
    if importlib.util.find_spec("redis") is None:
        raise StateError("state: the redis package is missing; install switchyard[redis]")
    from switchyard.state.shared.redis_link import RedisLink

    try:
        return RemoteState(RedisLink(f"{scheme}://{rest}", installation), settings)
    except ValueError as e:
        raise StateError("state: the address of Redis cannot be read; check its port") from e
