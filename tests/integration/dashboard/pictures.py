"""Makes the pictures of the dashboard's screens in the documentation.

`python -m tests.integration.dashboard.pictures [FOLDER]` writes each screen, dark and as narrow as
a telephone, from a router with the records of two weeks and requests of its own.
"""

import json
import random
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.usage.sqlite import SqliteStore
from tests.integration.dashboard.test_screens import READY
from tests.integration.dashboard.test_signed_in import sign_in
from tests.support.browser import Page
from tests.support.browser import find_chromium
from tests.support.router import ROOT
from tests.support.router import Router
from tests.unit.usage.support import record

WIDTH, HEIGHT = 390, 844
"""CSS pixels of a telephone."""
DAYS, A_DAY = 14, 60
TOOLS = ("claude-code", "codex", "opencode")
MODELS = (("anthropic", "claude-sonnet-4-5"), ("glm", "glm-4.7"), ("openai", "gpt-5-codex"))
KEY = "manage-me-7f3a"
CLIENT_KEYS = {"ann": "sk-ann-0123456789abcdef", "bob": "sk-bob-0123456789abcdef"}
AGENTS = ("claude-cli/2.1", "codex_cli_rs/0.99", "opencode/1.0", "aider/0.86")


def past(now: float) -> list[RequestRecord]:
    """Requests of the last two weeks, more of them by day."""
    chance = random.Random(3)
    made = []
    for number in range(DAYS * A_DAY):
        provider, model = chance.choices(MODELS, (5, 3, 2))[0]
        made.append(
            record(
                started=now - DAYS * 86_400 * (1 - number / (DAYS * A_DAY)) - 60,
                client_key=chance.choice(("ann", "bob")),
                tool=chance.choice(TOOLS),
                session=f"session-{number // 30}",
                project=chance.choice(("shop", "website")),
                provider=provider,
                model=model,
                asked_model="coding",
                tokens=Tokens(
                    input=chance.randrange(9000), cache_read=40_000, output=chance.randrange(2000)
                ),
                tries=(),
                cache_verdict="tool list" if chance.random() < 0.02 else None,
            )
        )
    return made


def ask(url: str, agent: str) -> None:
    """Sends one request as a tool does."""
    body = {"model": "coding", "messages": [{"role": "user", "content": "Well?"}]}
    headers = {"authorization": f"Bearer {CLIENT_KEYS['ann']}", "user-agent": agent}
    path = f"{url}/v1/chat/completions"
    httpx2.post(path, json=body, headers=headers, timeout=60, trust_env=False).raise_for_status()


def make_pictures(chromium: str, target: Path) -> None:
    """Writes one picture a screen into a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqliteStore(folder / "usage", "pictures")
        store.write(past(time.time()), [])
        store.close()
        down = {"name": "glm", "format": "openai-chat", "base-url": "http://127.0.0.1:9/v1"}
        keys = [{"name": name, "key": key} for name, key in CLIENT_KEYS.items()]
        (folder / "keys.yaml").write_text(json.dumps({"api-keys": keys}))
        config = {
            "providers": [
                {"name": "demo", "builtin": "demo", "models": ["echo"]},
                {**down, "api-key": "sk-glm-0123456789abcdef", "models": ["glm-4.7"]},
            ],
            "combos": {"coding": ["glm/glm-4.7", "demo/echo"]},
            "clients": {"keys-file": str(folder / "keys.yaml")},
            "usage": {"dir": str(folder / "usage")},
            "management": {"key": KEY},
        }
        with Router(folder, config) as router, Page(chromium, WIDTH, HEIGHT) as page:
            dark = [{"name": "prefers-color-scheme", "value": "dark"}]
            page.call("Emulation.setEmulatedMedia", features=dark)
            for agent in AGENTS:
                ask(router.url, agent)
            page.go(f"{router.url}/dashboard/")
            sign_in(page, KEY)
            shown = {**READY, "keys": "document.querySelector('.panel tbody tr')"}
            for screen, is_ready in shown.items():
                page.go(f"{router.url}/dashboard/#/{screen}")
                page.wait("document.querySelector('.top .live').textContent === 'live'")
                page.wait(is_ready)
                page.picture(target / f"{screen}-dark-narrow.png")


if __name__ == "__main__":
    found = find_chromium()
    if found is None:
        sys.exit("no Chromium is here (Debian's package: chromium)")
    made = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "dashboard"
    make_pictures(found, made)
