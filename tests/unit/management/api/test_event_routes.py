"""The stream of events ends with its reader's right to it, also where nothing else happens."""

import asyncio
import math
from pathlib import Path

import pytest

from switchyard.management import guard
from switchyard.management.api import event_routes
from switchyard.management.desk import Desk
from switchyard.runtime.runtime import Runtime
from tests.support.management import FileReloading
from tests.support.signals import PATIENCE

KEY = "sk-viewer-0123456789"
CONFIG = """\
providers: [{name: one, base-url: "http://127.0.0.1:9/v1", api-key: k, models: [a]}]
clients: {keys-file: keys.yaml}
"""
KEYS = f"api-keys: [{{key: {KEY}, name: bob, role: viewer}}]\n"


@pytest.mark.parametrize(
    "keys", ["api-keys: []\n", KEYS.replace("viewer}", "viewer, blocked: true}")]
)
async def test_a_key_that_is_blocked_or_removed_ends_it(tmp_path: Path, keys: str) -> None:
    config, file = tmp_path / "switchyard.yaml", tmp_path / "keys.yaml"
    config.write_text(CONFIG)
    file.write_text(KEYS)
    desk = Desk(Runtime())
    reloading = FileReloading(desk.runtime, config)
    reader = desk.events.subscribe()
    assert reader is not None
    (holder,) = map(guard._print_of_client, desk.snapshot.client_keys)
    events = event_routes._written(desk, reader, holder, math.inf)
    assert b"event: snapshot" in await anext(events)
    following = asyncio.ensure_future(anext(events, b"over"))
    file.write_text(keys)
    assert await reloading.reload() == ""
    assert await asyncio.wait_for(following, PATIENCE) == b"over"
