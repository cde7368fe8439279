"""mitmweb as people see it: a call that was routed, failed over and translated.

`SWITCHYARD_PICTURE=FILE` has the picture of the README made anew.
"""

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.browser import Page
from tests.support.browser import find_chromium
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import Upstream

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="mitmweb's pages are NOT tested: no Chromium is on the PATH"
)

PASSWORD = "open-sesame"
KEYS = ("sk-upstream-cc-1", "sk-upstream-glm-2", "sk-client-3")

IMAGE = base64.b64encode(bytes(48_213)).decode()
TOOLS = (
    ("Bash", "Runs a command in a shell, and tells what it printed.", ("command",), ("timeout",)),
    ("Read", "Reads a file of this machine.", ("file_path",), ("offset", "limit")),
    ("Edit", "Replaces text in a file.", ("file_path", "old_string", "new_string"), ()),
)
ASKED = {
    "model": "my-coding-stack",
    "max_tokens": 32000,
    "stream": True,
    "thinking": {"type": "enabled", "budget_tokens": 10000},
    "system": "You are a coding assistant. Be brief.",
    "tools": [
        {
            "name": name,
            "description": says,
            "input_schema": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in (*needed, *more)},
                "required": list(needed),
            },
        }
        for name, says, needed, more in TOOLS
    ],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Why does the build fail? Here is what I see."},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": IMAGE},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "type": "thinking",
                    "thinking": "The picture shows a linker error. I should look at the Makefile.",
                    "signature": "c2ln",
                },
                {"type": "text", "text": "A library is missing. Let me look."},
                {
                    "type": "tool_use",
                    "id": "toolu_01",
                    "name": "Read",
                    "input": {"file_path": "/home/me/app/Makefile"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_01",
                    "content": "app: main.o\n\tcc -o app main.o -lfoo",
                }
            ],
        },
    ],
}
ANSWER = Answer(
    text="The Makefile links libfoo, which is not installed. I install it.",
    thinking="-lfoo needs libfoo-dev.",
    calls=(Call("call_7", "Bash", '{"command": "sudo apt-get install -y libfoo-dev"}'),),
    input=21_480,
    cached=20_000,
    output=96,
    model="glm-4.7",
)


RELEASE = Signal()
"""Lets the slow answer go on."""


@pytest.fixture
def router(tmp_path: Path, upstream: Upstream) -> Iterator[Router]:
    """mitmweb after the call."""
    upstream.on("claude-opus", always=refusing(CHAT, 529))
    upstream.on("glm-4.7", always=saying(CHAT, ANSWER), path=CHAT.path)
    config = {
        "providers": [
            {"name": "cc", "format": "anthropic", "base-url": upstream.url, "api-key": KEYS[0]},
            {"name": "glm", "base-url": f"{upstream.url}/v1", "api-key": KEYS[1]},
        ],
        "combos": {"my-coding-stack": ["cc/claude-opus", "glm/glm-4.7"]},
        "retry": {"request-retry": 0},
    }
    web = ("--set", f"web_port={free_port()}", "--set", f"web_password={PASSWORD}")
    events = CHAT.events(Answer(text="The first words and the last ones"))
    slow = chunked(*events[:4], Wait(RELEASE), *events[4:])
    upstream.on("slow", always=slow)
    with Router(tmp_path, config, *web, web=True) as router:
        with httpx2.Client(base_url=router.url, trust_env=False, timeout=30) as client:
            headers = {"x-api-key": KEYS[2], "anthropic-version": "2023-06-01"}
            answer = client.post("/v1/messages", json=ASKED, headers=headers)
            assert answer.status_code == 200
        yield router


@pytest.fixture
def page(router: Router) -> Iterator[Page]:
    """A browser that shows it."""
    found = re.search(r"Web server listening at (http://[^/]+)", router.log)
    assert found and CHROMIUM
    with Page(CHROMIUM, 1500, 1130) as page:
        page.go(f"{found[1]}/?token={PASSWORD}")
        page.wait("document.body.innerText.includes('glm ok, openai-chat')")
        yield page


def body_of(page: Page, tab: str, marker: str) -> str:
    """What the content view shows on a tab, once `marker` is in it."""
    page.click("a, button", tab)
    page.wait(f"document.querySelector('.contentview').innerText.includes({marker!r})")
    return page.run("document.querySelector('.contentview').innerText")


def test_a_call_can_be_read_in_the_browser(page: Page, tmp_path: Path) -> None:
    listed = page.text()
    assert "my-coding-stack: cc 529 -> glm ok, 2 attempts, " in listed
    assert "↳ cc 529 overload -> glm, attempt 1 of my-coding-stack for " in listed
    assert "↳ glm ok, openai-chat for anthropic, attempt 2 of my-coding-stack for " in listed

    page.click(".flow-table tbody tr", "my-coding-stack: ")
    answer = body_of(page, "Response", "── end")
    assert "answers as glm-4.7, in anthropic · streamed in " in answer
    assert "▸ thinks\n  -lfoo needs libfoo-dev." in answer
    assert '▸ calls Bash  call_7\n  {\n    "command": "sudo apt-get' in answer
    assert "stopped: it waits for its tools (tool_use)" in answer
    assert "tokens: 21,480 in (20,000 from the cache) · 96 out" in answer

    asked = body_of(page, "Request", "── user")
    assert "asks my-coding-stack, in anthropic" in asked
    assert "streamed · at most 32,000 tokens · thinks up to 10,000 tokens" in asked
    assert "Read(file_path, offset?, limit?): Reads a file of this machine." in asked
    assert "[image: image/png, 48.2 kB]" in asked
    assert "◂ result of Read  toolu_01" in asked
    picture = Path(os.environ.get("SWITCHYARD_PICTURE") or tmp_path / "mitmweb.png")
    page.picture(picture)
    assert picture.stat().st_size > 30_000

    page.click(".flow-table tbody tr", "glm ok, openai-chat")
    sent = body_of(page, "Request", "asks glm-4.7")
    assert "asks glm-4.7, in openai-chat" in sent, page.text()
    assert "authorization: Bearer ***" in page.text()
    everything = page.run("fetch('./flows').then(answer => answer.text())")
    assert not any(key in everything for key in KEYS)


def test_a_stream_can_be_watched_while_it_runs(page: Page, router: Router) -> None:
    said = [{"role": "user", "content": "Tell me."}]
    asked = {"model": "glm/slow", "stream": True, "messages": said}
    with (
        httpx2.Client(base_url=router.url, trust_env=False, timeout=60) as client,
        client.stream("POST", CHAT.path, json=asked) as answer,
    ):
        pieces = answer.iter_bytes()
        next(pieces)
        page.click(".flow-table tbody tr", f"{router.url}{CHAT.path}")
        running = body_of(page, "Response", "still running")
        assert "The" in running and "ones" not in running
        RELEASE.set()
        rest = b"".join(pieces)
    assert b"[DONE]" in rest
    whole = body_of(page, "Response", "stopped: ")
    assert "The first words and the last ones" in whole
    assert "still running" not in whole
