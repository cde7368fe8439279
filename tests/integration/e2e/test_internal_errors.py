"""The router's own bugs, on the real proxy: each request that meets one fails closed."""

from pathlib import Path

import httpx2
import pytest

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import question
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import Upstream

clients = pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-client")


HOOKS = [
    ("Access", "request"),
    ("Intake", "request"),
    ("Routing", "request"),
    ("Credentials", "request"),
    ("Credentials", "attempt"),
    ("Translation", "attempt"),
    ("Reading", "attempt"),
    ("Sending", "attempt"),
    ("Fallback", "attempt_ended"),
]

IN_PLACE = "the bug is in place"
"""What a script prints once it has put its bug there: the router says earlier that it is ready."""


@pytest.mark.parametrize(("addon", "hook"), HOOKS, ids=lambda value: value)
def test_a_bug_in_any_hook_fails_closed(
    tmp_path: Path, upstream: Upstream, addon: str, hook: str
) -> None:
    """mitmproxy itself would log it and send the request on, unchanged and with the client's key.

    The bug sits in what the hook relies on, since the hook's own guard is what is tested.
    """
    breaker = tmp_path / "breaker.py"
    breaker.write_text(_bug_in(addon, hook))
    upstream.on("m", always=(CUT,) if hook == "attempt_ended" else saying(CHAT))
    provider = {
        "name": "p",
        "base-url": f"{upstream.url}/v1",
        "api-key-entries": ["sk-upstream-in-its-text"],
    }
    config = {"providers": [provider], "clients": {"api-keys": [CLIENT_KEY]}}
    router = Router(tmp_path, config, "-s", str(breaker))
    router.trouble_expected = True
    with router:
        router.wait_logged(IN_PLACE)
        for dialect in (CHAT, ANTHROPIC):
            for streams in (True, False):
                answer = httpx2.post(
                    f"{router.url}{dialect.path}",
                    json=question("p/m", stream=streams),
                    headers={"authorization": f"Bearer {CLIENT_KEY}"},
                )
                assert answer.status_code >= 500, f"{answer.status_code} {answer.text}"
                told = read_body(dialect.name, answer.content)
                assert told.error and GOOD not in answer.text
                assert "sk-upstream" not in answer.text
        with httpx2.Client(proxy=router.url) as proxied:
            answer = proxied.post(
                f"{upstream.url}{CHAT.path}",
                json=question("p/m"),
                headers={"authorization": f"Bearer {CLIENT_KEY}"},
            )
            assert answer.status_code >= 500
    assert "a bug" in router.log
    for request in upstream.requests:
        assert request.key != CLIENT_KEY, "the client's key left for the upstream"


_ASKS_AT_ONCE = """
import asyncio
import http.client

from mitmproxy import ctx

from switchyard.pipeline import management


async def running():
    management.for_method = None
    await asyncio.to_thread(ask)


def ask():
    client = http.client.HTTPConnection("127.0.0.1", ctx.options.listen_port)
    client.request("GET", "/nothing")
    assert client.getresponse().status == 500
"""


def test_a_bug_that_a_request_meets_at_the_start_does_not_end_it(
    tmp_path: Path, upstream: Upstream
) -> None:
    """mitmproxy ends with any error that is logged while it starts."""
    breaker = tmp_path / "breaker.py"
    breaker.write_text(_ASKS_AT_ONCE)
    provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key-entries": ["sk-1"]}
    router = Router(tmp_path, {"providers": [provider]}, "-s", str(breaker))
    router.trouble_expected = True
    upstream.on("m", always=saying(CHAT))
    with router:
        answer = httpx2.post(f"{router.url}{CHAT.path}", json=question("p/m"))
        assert answer.status_code == 200
        router.wait_logged("internal error while handling GET /nothing")


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/nothing"])
def test_a_bug_in_what_answers_itself_fails_closed(
    tmp_path: Path, upstream: Upstream, path: str
) -> None:
    breaker = tmp_path / "breaker.py"
    breaker.write_text(_bug_in("Management", "request"))
    provider = {"name": "p", "base-url": upstream.url, "api-key-entries": ["sk-1"]}
    router = Router(tmp_path, {"providers": [provider]}, "-s", str(breaker))
    router.trouble_expected = True
    with router:
        router.wait_logged(IN_PLACE)
        for dialect, version in (CHAT, {}), (ANTHROPIC, {"anthropic-version": "1"}):
            answer = httpx2.get(f"{router.url}{path}", headers=version)
            assert answer.status_code >= 500
            assert read_body(dialect.name, answer.content).error


_NEEDS = {
    ("Access", "request"): "switchyard.pipeline.access._needs_key",
    ("Intake", "request"): "switchyard.pipeline.intake.read_call",
    ("Management", "request"): "switchyard.pipeline.management.for_method",
    ("Routing", "request"): "switchyard.routing.catalog.Catalog.resolve",
    ("Credentials", "request"): "switchyard.routing.routes.Routes.of",
    ("Credentials", "attempt"): "switchyard.policy.trail.Trail.next",
    ("Translation", "attempt"): "switchyard.pipeline.translation.choose_format",
    ("Reading", "attempt"): "switchyard.pipeline.reading.RelayReceiver.__init__",
    ("Sending", "attempt"): "switchyard.pipeline.sending.write_body",
    ("Fallback", "attempt_ended"): "switchyard.policy.trail.Trail.failed",
}
"""What each hook calls on its way."""


def _bug_in(addon: str, hook: str) -> str:
    return f"""
import importlib

PATH = {_NEEDS[addon, hook]!r}


def running():
    names = PATH.split(".")
    for end in range(len(names) - 1, 0, -1):
        try:
            holder = importlib.import_module(".".join(names[:end]))
        except ModuleNotFoundError:
            continue
        for name in names[end:-1]:
            holder = getattr(holder, name)
        getattr(holder, names[-1])
        setattr(holder, names[-1], broken)
        print("{IN_PLACE}", flush=True)
        return
    raise LookupError(PATH)


def broken(*args, **kwargs):
    raise RuntimeError("a bug, with sk-upstream-in-its-text")
"""


_RELAY_BUG = """
from switchyard.wire.relay import relay


def running():
    original = relay.Relay.feed
    fed = {}

    def broken(self, data):
        fed[id(self)] = fed.get(id(self), 0) + 1
        if b"BUG" in data:
            raise RuntimeError("a bug while reading")
        return original(self, data)

    relay.Relay.feed = broken
    print("the bug is in place", flush=True)
"""


@clients
@pytest.mark.parametrize("when", ["before-output", "after-output"])
def test_a_bug_while_reading_a_stream_is_told(
    tmp_path: Path, upstream: Upstream, client: Dialect, when: str
) -> None:
    """mitmproxy itself would lose that piece and end the stream as if it were whole."""
    breaker = tmp_path / "breaker.py"
    breaker.write_text(_RELAY_BUG)
    events = CHAT.events(Answer(text=f"One {PARTIAL} two three"))
    seen = Signal()
    at = 1 if when == "before-output" else 4
    waits = () if when == "before-output" else (Wait(seen),)
    upstream.on("m", always=chunked(*events[:at], *waits, b": BUG\n\n", *events[at:]))
    provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key-entries": ["sk-1"]}
    config = {"providers": [provider], "retry": {"request-retry": 0}}
    router = Router(tmp_path, config, "-s", str(breaker))
    router.trouble_expected = True
    with router, httpx2.Client(base_url=router.url) as http:
        router.wait_logged(IN_PLACE)
        got = bytearray()
        with http.stream("POST", client.path, json=question("p/m", stream=True)) as answer:
            for piece in answer.iter_raw():
                got += piece
                if PARTIAL.encode() in got:
                    seen.set()
        if when == "before-output":
            assert answer.status_code >= 500
            assert read_body(client.name, bytes(got)).error
        else:
            assert read_stream(client.name, bytes(got)).error
