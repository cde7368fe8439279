"""Many providers that are asked for their models."""

import asyncio
from pathlib import Path

import pytest
from mitmproxy.test import taddons

from switchyard.pipeline import discovery
from switchyard.pipeline.discovery import Discovery
from switchyard.state.model_lists import Lists
from switchyard.state.model_lists import load_lists
from switchyard.state.model_lists import save_lists
from switchyard.wire.model.model_list import FoundModel
from tests.support.runtime import make_runtime

MANY = 100
CONFIG = "providers:\n" + "".join(
    f"  - {{name: p{n}, base-url: 'https://p{n}.example/v1', api-key: sk-of-number-{n:04d}}}\n"
    for n in range(MANY)
)


async def test_many_are_asked_some_at_a_time_and_taken_over_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Thousands at once would have no turn left for requests."""
    asked: list[str] = []
    running, most, saved = 0, 0, 0
    file = tmp_path / "models.json"

    async def answer(provider, key, way, base) -> tuple[FoundModel, ...]:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await asyncio.sleep(0)
        running -= 1
        asked.append(provider.name)
        return (FoundModel("m"),)

    def save(path: Path, lists: Lists) -> None:
        nonlocal saved
        saved += 1
        save_lists(path, lists)

    monkeypatch.setattr(discovery, "list_models", answer)
    monkeypatch.setattr(discovery, "save_lists", save)
    monkeypatch.setattr(discovery, "state_file", lambda: file)
    runtime = make_runtime(CONFIG)
    addon = Discovery(runtime)
    with taddons.context(addon):
        addon.running()
        async with asyncio.timeout(30):
            while len(runtime.snapshot.found) < MANY or len(load_lists(file)) < MANY:
                await asyncio.sleep(0.01)
        addon.done()
    assert len(asked) == len(set(asked)) == MANY
    assert 1 < most <= discovery._AT_A_TIME
    assert saved < MANY / 4
