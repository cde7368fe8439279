"""A management API over a file, as CLIProxyAPI's clients ask it."""

from collections.abc import AsyncIterator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ruamel.yaml import YAML

from tests.support.management import ManagementApp

KEY = "manage-me-7f3a"
TEXT = """\
# Written by hand.
providers:
  - name: one                # the first
    base-url: http://127.0.0.1:9/v1
    api-key: sk-one-0123456789
    models: [a]
  - preset: anthropic
    api-key-entries:
      - api-key: sk-ant-aaaaaaaa0001
      - {api-key: sk-ant-aaaaaaaa0002, weight: 2}
    excluded-models: [claude-3-*]
    strategy: fill-first     # stays
clients:
  api-keys:
    - {key: sk-ann-01234567an, name: ann, concurrency: 3}
    - key-hash: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      name: ben
management: {key: manage-me-7f3a}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "switchyard.yaml"
    path.write_text(f"{TEXT}usage: {{dir: {tmp_path}/usage}}\n")
    return path


@pytest.fixture
def values(file: Path) -> Callable[[], dict[str, Any]]:
    """What the file has now."""
    return lambda: YAML(typ="safe").load(file)


@pytest.fixture
async def client(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    monkeypatch.setenv("SWITCHYARD_ACCOUNTS_DIR", str(tmp_path / "accounts"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(ManagementApp(file, KEY)),
        base_url="http://localhost/v0/management",
        headers={"authorization": f"Bearer {KEY}"},
    ) as client:
        yield client
