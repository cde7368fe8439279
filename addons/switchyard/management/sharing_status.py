"""Reports whether limits are shared with other processes at present, as JSON."""

from switchyard.state.shared.protocol import StateHealth
from switchyard.wire.encoding.jsonio import JsonObject


def sharing_status(health: StateHealth) -> JsonObject:
    """Return how state is kept, and what is wrong with that; no address is part of it."""
    return {
        "way": health.way,
        "shared": health.shared,
        "problem": health.problem or None,
        "processes": health.processes,
        "unsent": health.waiting,
    }
