"""Budgets and limits of client keys on the real proxy, under load and however requests end."""

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors
from google.genai import types
from websockets.sync.client import connect

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.signals import wait_until
from tests.support.steps import CUT
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import Upstream
from tests.unit.usage.support import whole_rows

ANSWER = Answer(input=1000, cached=0, output=1000)
COST = 1000 * 2000 + 1000 * 8000
"""Nano-dollars of `ANSWER` at the configured prices."""

PROMPT = "x" * 3800
"""About a thousand tokens, and fewer than the answer reports."""

# Budgets of no day, which could end in the middle of a test.
KEYS = {
    "ten": {"budgets": {"total": "0.1 USD"}},
    "chaos": {"budgets": {"total": "100 USD"}, "limits": {"tokens": "90M/m"}, "concurrency": 99},
    "rate": {"limits": {"requests": "1/d"}},
    "spent": {"budgets": {"total": "0.000001 USD"}},
    "small": {"limits": {"input": "5/m"}},
    "blocked": {"blocked": True},
    "expired": {"expires": "2020-01-01"},
    "picky": {"models": ["nothing"]},
    "hidden": {"models": ["nothing"], "hide": True},
    "queued": {"concurrency": 1, "queue": "60s"},
}


def key(name: str) -> str:
    return f"sk-client-{name}-key"


def config(upstream: Upstream, folder: Path) -> dict[str, Any]:
    paid = {"base-url": f"{upstream.url}/v1", "api-key": "sk-1", "billing": "per-token"}
    return {
        "clients": {
            "contact": "ops@example.com",
            "api-keys": [{"key": key(name), "name": name, **more} for name, more in KEYS.items()],
        },
        "providers": [{"name": "chat", **paid}, {"name": "other", **paid}],
        "combos": {
            "stack": ["chat/busy", "chat/good"],
            "hedged": {"members": ["chat/slow", "other/good"], "hedge-after": "50ms"},
        },
        "prices": [{"input": 2, "output": 8}],
        "retry": {"request-retry": 0},
        "timeouts": {"connect": "60s", "first-byte": "120s"},
        "heartbeat": {"after": "300ms", "every": "300ms"},
        "usage": {"dir": str(folder)},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def router(
    upstream: Upstream, folder: Path, start_router: Callable[..., Router]
) -> Iterator[Router]:
    yield start_router(config(upstream, folder))


def ask(router: Router, name: str, model: str, **more: Any) -> httpx2.Response:
    body = {"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": PROMPT}]}
    sent = {"authorization": f"Bearer {key(name)}"}
    url = f"{router.url}/v1/chat/completions"
    return httpx2.post(url, json={**body, **more}, headers=sent, trust_env=False, timeout=60)


def limits(router: Router, name: str) -> dict[str, dict[str, Any]]:
    sent = {"authorization": f"Bearer {key(name)}"}
    said = httpx2.get(f"{router.url}/v0/me", headers=sent, trust_env=False, timeout=60)
    assert said.status_code == 200, said.text
    return {one["kind"]: one for one in said.json()["limits"]}


def nano(dollars: float) -> int:
    return round(dollars * 10**9)


def until_nothing_is_reserved(router: Router, name: str) -> dict[str, dict[str, Any]]:
    """What a key used, once no request of it is under way."""
    found = limits(router, name)

    def is_over() -> bool:
        nonlocal found
        found = limits(router, name)
        used = found["slots"]["used"] if "slots" in found else 0
        return not used and not any(one["reserved"] for one in found.values())

    wait_until(is_over)
    return found


def charged(router: Router, folder: Path, name: str) -> int:
    """The sum of a key's rows, once the router has ended."""
    router.stop()
    rows = [one for one in whole_rows(folder) if one["client_key"] == name]
    return sum(one["cost"] or 0 for one in rows)


def test_64_requests_at_once_against_a_budget_for_ten(
    upstream: Upstream, router: Router, folder: Path
) -> None:
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    with ThreadPoolExecutor(64) as pool:
        said = list(pool.map(lambda _: ask(router, "ten", "chat/good"), range(64)))
    statuses = Counter(one.status_code for one in said)
    assert set(statuses) == {200, 402}, [one.text for one in said if one.status_code == 502]
    assert 9 <= statuses[200] <= 10
    used = until_nothing_is_reserved(router, "ten")["money"]
    assert nano(used["used"]) == COST * statuses[200] <= 10 * COST
    assert charged(router, folder, "ten") == COST * statuses[200]


def test_whatever_becomes_of_requests_what_is_charged_is_on_record(
    upstream: Upstream, router: Router, folder: Path
) -> None:
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    upstream.on("busy", always=refusing(CHAT, 503), path=CHAT.path)
    upstream.on("slow", always=chunked(Wait(Signal())), path=CHAT.path)
    events = CHAT.events(ANSWER)
    upstream.on("cut", always=chunked(*events[: len(events) // 2], CUT), path=CHAT.path)
    leave_after(router, "chat/slow", 1)  # its head came, and none of its output
    asked = until_nothing_is_reserved(router, "chaos")
    assert nano(asked["money"]["used"]) == 2000 * asked["tokens"]["used"] > 2000 * 950
    rng = random.Random(7)
    ways = [("chat/good", 10**9), ("stack", 10**9), ("hedged", 10**9), ("chat/cut", 10**9)] * 4
    ways += [("chat/good", rng.randrange(1, 3000)) for _ in range(24)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda way: leave_after(router, *way), ways))
    turns(router, 3)
    found = until_nothing_is_reserved(router, "chaos")
    assert nano(found["money"]["used"]) == charged(router, folder, "chaos") > 10 * COST


def leave_after(router: Router, model: str, size: int) -> None:
    """Ask for a stream, and leave after some bytes of it."""
    body = {"model": model, "max_tokens": 1000, "stream": True,
            "messages": [{"role": "user", "content": PROMPT}]}  # fmt: skip
    request = httpx2.Request(
        "POST",
        f"{router.url}/v1/chat/completions",
        json=body,
        headers={"authorization": f"Bearer {key('chaos')}"},
    )
    content = request.read()
    lines = [f"POST {request.url.path} HTTP/1.1", "connection: close"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    with socket.create_connection(("127.0.0.1", router.port), timeout=PATIENCE) as peer:
        peer.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        seen = 0
        while seen < size and (data := peer.recv(min(4096, size - seen))):
            seen += len(data)


def turns(router: Router, count: int) -> None:
    """Turns of one WebSocket of the Responses API."""
    sent = {"authorization": f"Bearer {key('chaos')}"}
    url = f"ws://127.0.0.1:{router.port}/v1/responses"
    with connect(url, additional_headers=sent, proxy=None, max_size=None) as talk:
        for _ in range(count):
            talk.send('{"type": "response.create", "model": "chat/good", "input": "Well?"}')
            while '"response.completed"' not in (said := str(talk.recv(timeout=PATIENCE))):
                assert '"type":"error"' not in said


def test_a_stream_that_waits_for_its_place_gets_keep_alives(
    upstream: Upstream, router: Router
) -> None:
    free = Signal()
    upstream.on("held", always=chunked(Wait(free), *CHAT.events(ANSWER)), path=CHAT.path)
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    first = threading.Thread(
        target=ask, args=(router, "queued", "chat/held"), kwargs={"stream": True}
    )
    first.start()
    wait_until(lambda: limits(router, "queued")["slots"]["used"] == 1)
    body = {"model": "chat/good", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    sent = {"authorization": f"Bearer {key('queued')}"}
    url = f"{router.url}/v1/chat/completions"
    with httpx2.stream(
        "POST", url, json=body, headers=sent, trust_env=False, timeout=PATIENCE
    ) as said:
        pieces = said.iter_text()
        begun = next(pieces)
        assert said.status_code == 200 and ANSWER.text.split()[0] not in begun
        free.set()
        rest = "".join(pieces)
    assert "[DONE]" in rest and ANSWER.text.split()[0] in rest
    first.join()
    until_nothing_is_reserved(router, "queued")


OPENAI = {
    "wrong": openai.AuthenticationError,
    "expired": openai.AuthenticationError,
    "blocked": openai.PermissionDeniedError,
    "picky": openai.PermissionDeniedError,
    "hidden": openai.NotFoundError,
    "rate": openai.RateLimitError,
    "spent": openai.APIStatusError,
    "small": openai.APIStatusError,
}
ANTHROPIC = {
    "wrong": anthropic.AuthenticationError,
    "expired": anthropic.AuthenticationError,
    "blocked": anthropic.PermissionDeniedError,
    "picky": anthropic.PermissionDeniedError,
    "hidden": anthropic.NotFoundError,
    "rate": anthropic.RateLimitError,
    "spent": anthropic.APIStatusError,
    "small": anthropic.APIStatusError,
}
STATUS = {
    **{"wrong": 401, "expired": 401, "blocked": 403, "picky": 403, "hidden": 404},
    **{"rate": 429, "spent": 402, "small": 413},
}


def test_official_sdks_raise_what_it_is_and_repeat_no_refusal(
    upstream: Upstream, router: Router
) -> None:
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    assert ask(router, "rate", "chat/good").status_code == 200
    for name, status in STATUS.items():
        for api in ("chat", "responses", "embeddings", "messages", "count"):
            if name in ("spent", "small") and api == "count":
                continue  # a token count costs nothing
            sent: list[Any] = []
            refused = by_sdk(router.url, name, api, sent)
            assert refused.status_code == status, (name, api)
            final = refused.response.headers.get("x-should-retry") == "false"
            assert final == (status != 404), (name, api)
            assert len(sent) == 1 or status == 429, (name, api)


def test_googles_sdk_raises_the_status_and_repeats_no_refusal(
    upstream: Upstream, router: Router
) -> None:
    upstream.on("good", always=saying(CHAT, ANSWER), path=CHAT.path)
    assert ask(router, "rate", "chat/good").status_code == 200
    for name, status in STATUS.items():
        sent: list[Any] = []
        options = types.HttpOptions(
            base_url=router.url,
            client_args={"trust_env": False, "event_hooks": {"request": [sent.append]}},
        )
        with genai.Client(api_key=key(name), http_options=options) as client:
            with pytest.raises(errors.ClientError) as raised:
                client.models.generate_content(model="chat/good", contents="hi")
        assert (raised.value.code, len(sent)) == (status, 1), name


def by_sdk(url: str, name: str, api: str, sent: list[Any]) -> Any:
    """The error that an official SDK raises; `sent` gets the requests that it makes."""
    hooks: Any = {"request": [sent.append]}
    retries, model = 0 if name == "rate" else 2, "chat/good"
    messages: Any = [{"role": "user", "content": "hi"}]
    if api in ("messages", "count"):
        http = anthropic.DefaultHttpxClient(event_hooks=hooks, trust_env=False)
        claude = anthropic.Anthropic(
            api_key=key(name), base_url=url, max_retries=retries, http_client=http
        )
        with pytest.raises(ANTHROPIC[name]) as raised:
            if api == "count":
                claude.messages.count_tokens(model=model, messages=messages)
            else:
                claude.messages.create(model=model, messages=messages, max_tokens=100)
        return raised.value
    client = openai.OpenAI(
        api_key=key(name),
        base_url=f"{url}/v1",
        max_retries=retries,
        http_client=openai.DefaultHttpxClient(event_hooks=hooks, trust_env=False),
    )
    with pytest.raises(OPENAI[name]) as raised:
        if api == "chat":
            client.chat.completions.create(model=model, messages=messages)
        elif api == "responses":
            client.responses.create(model=model, input="hi")
        else:
            client.embeddings.create(model=model, input="hi")
    return raised.value
