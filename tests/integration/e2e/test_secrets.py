"""No key anywhere: not in the log, dumps, exports, comments, errors or answers of a whole run."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy import http as mhttp
from mitmproxy import io as mio
from websockets.sync.client import connect

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.steps import CUT
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

UPSTREAM_KEYS = {
    "a": "sk-Up1-6f1d2c9a",
    "b": "sk-Up2-77aa3e4b",
    "c": "sk-Up3-0d9e8c11",
    "locked": "sk-Up4-c2f00d1e",
    "loud": "sk-Up5-1199fe07",
}
"""By provider; `b` speaks Anthropic's format, the others Chat."""
CLIENT_KEYS = ["sk-Cl1-aa41f07e", "sk-Cl2-bb52e18f"]
HEADER_SECRET = "hdr-Secret-3c77d0"
SESSION = "ses-Cookie-91be7a"
"""A cookie of the client's."""
GIVEN = "ses-Given-44d1f3"
"""A cookie that an upstream sets."""
REFRESH, ACCESS = "rt-Refresh-8c02b6", "at-Access-d7719e"
"""OAuth tokens that pass by between a client and a provider's own host."""
SECRETS = [
    *UPSTREAM_KEYS.values(),
    *CLIENT_KEYS,
    HEADER_SECRET,
    SESSION,
    GIVEN,
    REFRESH,
    ACCESS,
]
PASSWORD = "open-sesame"


def quoting(dialect: Dialect, status: int) -> Any:
    """A refusal that quotes the key it was given, as OpenAI's does, in its body and headers."""

    def react(request: Recorded) -> Behaviour:
        said = f"Dear bearer of {request.key}, account {HEADER_SECRET}, {SESSION}: no."
        more = {"key": request.key, "headers": [list(pair) for pair in request.headers]}
        body = json.dumps(dialect.error("invalid_request_error", said, **more)).encode()
        headers = (("x-your-key", str(request.key)), ("set-cookie", f"key={GIVEN}; Secure"))
        return whole(body, status, headers=headers)

    return react


def echoing_mid_stream(request: Recorded) -> Behaviour:
    """A stream that fails after output with an error that quotes the key."""
    events = CHAT.events(Answer())
    return chunked(*events[:4], CHAT.error_event("server_error", f"key {request.key} is bad"))


def signing_in(request: Recorded) -> Behaviour:
    """OAuth's token endpoint (RFC 6749, section 5.1)."""
    body = json.dumps({"access_token": ACCESS, "refresh_token": REFRESH}).encode()
    return whole(body, headers=(("set-cookie", f"session={GIVEN}"),))


def greeting(request: Recorded) -> Behaviour:
    return whole(b'{"you": "are welcome"}', headers=(("set-cookie", f"session={GIVEN}"),))


@dataclass(slots=True)
class Run:
    """What is left of a run."""

    router: Router
    upstream: Upstream
    folder: Path
    """With its dump, its exports and its exchange log."""
    answers: list[httpx2.Response] = field(default_factory=list)
    """Of calls; a client may see what it sent itself."""
    shown: dict[str, bytes] = field(default_factory=dict)
    """What mitmweb showed, by its address."""


@pytest.fixture(scope="module", params=["mitmdump", "mitmweb"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp(request.param)
    with Upstream() as upstream:
        yield whole_run(folder, upstream, web=request.param == "mitmweb")


def whole_run(tmp_path: Path, upstream: Upstream, *, web: bool) -> Run:
    """A run with all that can carry a key: success, failure, retry, proxying, bad requests."""
    providers = [
        {
            "name": name,
            "format": "anthropic" if name == "b" else "openai-chat",
            "base-url": upstream.url,
            "api-key-entries": [key],
            "headers": {"x-account": HEADER_SECRET},
        }
        for name, key in UPSTREAM_KEYS.items()
    ]
    forwarding = [
        {"name": name, "base-url": upstream.url, "credentials": "forward"} for name in ("f", "g")
    ]
    config = {
        "providers": [*providers, *forwarding],
        "combos": {
            "all": ["locked/m-401", "b/m-500", "c/m-good"],
            "none": ["b/m-501", "c/m-cut"],
        },
        "clients": {"api-keys": CLIENT_KEYS},
        "retry": {"request-retry": 0},
        "exchange-log": {"dir": str(tmp_path / "log")},
    }
    upstream.on(path="/oauth/token", always=signing_in)
    upstream.on(path="/api/hello", always=greeting)
    upstream.on("m-good", always=saying(CHAT), path=CHAT.path)
    upstream.on("m-good", always=saying(ANTHROPIC), path=ANTHROPIC.path)
    upstream.on("m-401", always=quoting(CHAT, 401))
    upstream.on("m-400", always=quoting(CHAT, 400))
    upstream.on("m-500", always=quoting(ANTHROPIC, 500))
    upstream.on("m-501", always=quoting(ANTHROPIC, 501))
    upstream.on("m-mid", always=echoing_mid_stream)
    upstream.on("m-cut", always=(CUT,))
    options = ["-w", str(tmp_path / "flows.mitm"), "-v", "--set", "switchyard_attempts=all"]
    options += ["--set", f"hardump={tmp_path / 'flows.har'}", "--set", "store_streamed_bodies=true"]
    port = free_port()
    if web:
        options += ["--set", f"web_port={port}", "--set", f"web_password={PASSWORD}"]
    else:
        options += ["--set", "flow_detail=4"]
    with Router(tmp_path, config, *options, web=web) as router:
        left = Run(router, upstream, tmp_path)
        with watching(port, left.shown) if web else nullcontext():
            ask_everything(router, upstream, left.answers)
        # Shown with what it identifies itself with until that was sent.
        sign_in(router, upstream)
        if web:
            look_at_everything(port, tmp_path / "export", left.shown)
    return left


@contextmanager
def watching(port: int, shown: dict[str, bytes]) -> Iterator[None]:
    """Keeps all that mitmweb's pages are sent while something happens."""
    said: list[bytes] = []
    headers = {"authorization": f"Bearer {PASSWORD}"}
    url = f"ws://127.0.0.1:{port}/updates"
    with connect(url, additional_headers=headers, max_size=None, proxy=None) as socket:

        def listen() -> None:
            for message in socket:
                said.append(message.encode() if isinstance(message, str) else message)

        listener = threading.Thread(target=listen)
        listener.start()
        yield
        socket.close()
        listener.join(30)
    shown["updates"] = b"\n".join(said)


def look_at_everything(port: int, export: Path, shown: dict[str, bytes]) -> None:
    """Every flow in every view that matters, the events, and an export of all."""
    base = f"http://127.0.0.1:{port}"
    headers = {"authorization": f"Bearer {PASSWORD}"}
    with httpx2.Client(base_url=base, headers=headers, trust_env=False, timeout=60) as client:

        def look(path: str) -> httpx2.Response:
            answer = client.get(path)
            shown[path] = answer.content
            return answer

        look("/events")
        for flow in look("/flows").json():
            for side in ("request", "response"):
                if flow.get(side) is not None:
                    for view in ("content/auto", "content.data"):
                        look(f"/flows/{flow['id']}/{side}/{view}")
        token = "00112233445566778899aabbccddeeff"  # any will do that is in a cookie, too
        client.cookies.set("_mitmproxy_xsrf", token)
        done = client.post(
            "/commands/switchyard.export",
            json={"arguments": ["@all", str(export)]},
            headers={"x-xsrftoken": token},
        )
        assert "error" not in done.json(), done.text


def sign_in(router: Router, upstream: Upstream) -> None:
    """What is no call to a model, and passes through to a provider's own host."""
    form = {"grant_type": "refresh_token", "refresh_token": REFRESH}
    cookie = {"cookie": f"session={SESSION}", "authorization": f"Bearer {CLIENT_KEYS[0]}"}
    with httpx2.Client(base_url=upstream.url, proxy=router.url, headers=cookie) as client:
        for answer in (
            client.post("/oauth/token", json=form),
            client.post("/oauth/token", data=form),
        ):
            assert answer.json()["access_token"] == ACCESS
            assert GIVEN in answer.headers["set-cookie"]
        welcome = client.get("/api/hello")
        assert welcome.json() == {"you": "are welcome"}
        assert GIVEN in welcome.headers["set-cookie"]


def ask_everything(router: Router, upstream: Upstream, answers: list[httpx2.Response]) -> None:
    models = [
        "a/m-good",
        "b/m-good",
        "all",
        "none",
        "loud/m-400",
        "loud/m-mid",
        "c/m-cut",
        "g/m-401",
    ]
    models += ["f/m-good", "no-such-model"]
    ways: list[tuple[dict[str, str], str]] = [
        ({"authorization": f"Bearer {CLIENT_KEYS[0]}"}, ""),
        ({"x-api-key": CLIENT_KEYS[1]}, ""),
        ({"x-goog-api-key": CLIENT_KEYS[0]}, ""),
        ({}, f"?key={CLIENT_KEYS[1]}"),
        ({"authorization": "Bearer wrong"}, ""),
    ]
    with (
        httpx2.Client(base_url=router.url) as direct,
        httpx2.Client(base_url=upstream.url, proxy=router.url) as proxied,
    ):
        for client in (direct, proxied):
            for headers, query in ways:
                for model in models:
                    for dialect, streams in ((CHAT, True), (ANTHROPIC, False)):
                        said = [{"role": "user", "content": "x"}]
                        body = {"model": model, "messages": said, "stream": streams}
                        answers.append(
                            client.post(
                                dialect.path + query,
                                json={**body, "max_tokens": 9},
                                headers={**headers, "cookie": f"k={CLIENT_KEYS[0]}; s={SESSION}"},
                            )
                        )
        for path in ("/v1/models", "/health", "/nothing", "/v0/health/providers"):
            for headers, query in ways:
                answers.append(direct.get(path + query, headers=headers))


def test_no_secret_is_anywhere(run: Run) -> None:
    folder = run.folder
    assert sum(GOOD in answer.text for answer in run.answers) > 20
    assert {key for r in run.upstream.requests if (key := r.key)} >= set(UPSTREAM_KEYS.values()), (
        "the run used every key"
    )
    log = [path for path in (folder / "log").rglob("*") if path.is_file()]
    exported = [path for path in (folder / "export").rglob("*") if path.is_file()]
    records = [path for path in (folder / ".local").rglob("*") if path.is_file()]
    artefacts = {
        "log": run.router.log.encode(),
        "dump": (folder / "flows.mitm").read_bytes(),
        "har": (folder / "flows.har").read_bytes(),
        **{str(path): path.read_bytes() for path in (*log, *exported, *records)},
        **run.shown,
        **{
            f"answer {number}: {answer.request.url.path}": answer.content
            + repr(answer.headers.multi_items()).encode()
            for number, answer in enumerate(run.answers)
        },
    }
    assert len(artefacts["dump"]) > 10_000 and len(artefacts["har"]) > 10_000
    assert len(log) > 500
    assert b"Dear bearer of ***, account ***, ***: no." in artefacts["dump"]
    if run.shown:
        assert len(run.shown["updates"]) > 100_000
        assert len(exported) > 500
        assert any(b'"view_name": "Conversation"' in page for page in run.shown.values())
    found = {
        secret: places
        for secret in SECRETS
        if (places := [name for name, content in artefacts.items() if secret.encode() in content])
    }
    assert not found, "\n".join(f"{secret} in {places[:6]}" for secret, places in found.items())


def test_flows_tell_the_way_they_took(run: Run) -> None:
    with (run.folder / "flows.mitm").open("rb") as dump:
        flows = [flow for flow in mio.FlowReader(dump).stream() if isinstance(flow, mhttp.HTTPFlow)]
    comments = {flow.comment.partition(",")[0]: flow for flow in flows if flow.comment}
    assert any(c.startswith("all: locked 401 -> b 500 -> c ok") for c in comments), list(comments)
    good = comments["a/m-good: a ok"]
    assert good.comment.startswith("a/m-good: a ok, 1 attempt, ") and not good.marked
    failed = comments["none: b 501 -> c reset"]
    assert failed.marked and "2 attempts" in failed.comment
    assert comments["all: locked 401 -> b 500 -> c ok"].marked != failed.marked


def test_files_of_a_run_are_only_what_was_asked_for(run: Run) -> None:
    names = {path.name for path in run.folder.iterdir()}
    asked_for = {"flows.mitm", "flows.har", "log", "export"}
    assert names <= {"switchyard.yaml", "mitmproxy", ".mitmproxy", ".local", *asked_for}
    kept = {path.suffix for path in (run.folder / ".local").rglob("*") if path.is_file()}
    assert kept <= {".sqlite", ".sqlite-journal", ".lock", ".key"}, (
        "records of usage, and nothing else"
    )
