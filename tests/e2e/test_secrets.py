"""No key anywhere: not in the log, dumps, exports, comments, errors or answers of a whole run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy import http as mhttp
from mitmproxy import io as mio

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import saying
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
SECRETS = [*UPSTREAM_KEYS.values(), *CLIENT_KEYS, HEADER_SECRET]


def quoting(dialect: Dialect, status: int) -> Any:
    """A refusal that quotes the key it was given, as OpenAI's does, in its body and headers."""

    def react(request: Recorded) -> Behaviour:
        said = f"Dear bearer of {request.key}, account {HEADER_SECRET}: no."
        more = {"key": request.key, "headers": [list(pair) for pair in request.headers]}
        body = json.dumps(dialect.error("invalid_request_error", said, **more)).encode()
        headers = (("x-your-key", str(request.key)), ("set-cookie", f"key={request.key}"))
        return whole(body, status, headers=headers)

    return react


def echoing_mid_stream(request: Recorded) -> Behaviour:
    """A stream that fails after output with an error that quotes the key."""
    events = CHAT.events(Answer())
    return chunked(*events[:4], CHAT.error_event("server_error", f"key {request.key} is bad"))


@pytest.fixture
def run(tmp_path: Path, upstream: Upstream) -> Iterator[tuple[Router, list[httpx2.Response]]]:
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
    }
    upstream.on("m-good", always=saying(CHAT), path=CHAT.path)
    upstream.on("m-good", always=saying(ANTHROPIC), path=ANTHROPIC.path)
    upstream.on("m-401", always=quoting(CHAT, 401))
    upstream.on("m-400", always=quoting(CHAT, 400))
    upstream.on("m-500", always=quoting(ANTHROPIC, 500))
    upstream.on("m-501", always=quoting(ANTHROPIC, 501))
    upstream.on("m-mid", always=echoing_mid_stream)
    upstream.on("m-cut", always=(CUT,))
    answers: list[httpx2.Response] = []
    options = ("-w", str(tmp_path / "flows.mitm"), "--set", "flow_detail=4", "-v")
    har = ("--set", f"hardump={tmp_path / 'flows.har'}", "--set", "store_streamed_bodies=true")
    with Router(tmp_path, config, *options, *har) as router:
        ask_everything(router, upstream, answers)
    yield router, answers


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
                                headers={**headers, "cookie": f"k={CLIENT_KEYS[0]}"},
                            )
                        )
        for path in ("/v1/models", "/health", "/nothing", "/v0/health/providers"):
            for headers, query in ways:
                answers.append(direct.get(path + query, headers=headers))


def test_no_secret_is_anywhere(
    run: tuple[Router, list[httpx2.Response]], tmp_path: Path, upstream: Upstream
) -> None:
    router, answers = run
    assert sum(GOOD in answer.text for answer in answers) > 20
    assert {key for r in upstream.requests if (key := r.key)} >= set(UPSTREAM_KEYS.values()), (
        "the run used every key"
    )
    artefacts = {
        "log": router.log.encode(),
        "dump": (tmp_path / "flows.mitm").read_bytes(),
        "har": (tmp_path / "flows.har").read_bytes(),
        **{
            f"answer {number}: {answer.request.url.path}": answer.content
            + repr(answer.headers.multi_items()).encode()
            for number, answer in enumerate(answers)
        },
    }
    assert len(artefacts["dump"]) > 10_000 and len(artefacts["har"]) > 10_000
    found = {
        secret: places
        for secret in SECRETS
        if (places := [name for name, content in artefacts.items() if secret.encode() in content])
    }
    assert not found, "\n".join(f"{secret} in {places[:6]}" for secret, places in found.items())


def test_flows_tell_the_way_they_took(
    run: tuple[Router, list[httpx2.Response]], tmp_path: Path
) -> None:
    with (tmp_path / "flows.mitm").open("rb") as dump:
        flows = [flow for flow in mio.FlowReader(dump).stream() if isinstance(flow, mhttp.HTTPFlow)]
    comments = {flow.comment.partition(",")[0]: flow for flow in flows if flow.comment}
    assert any(c.startswith("all: locked 401 -> b 500 -> c ok") for c in comments), list(comments)
    good = comments["a/m-good: a ok"]
    assert good.comment.startswith("a/m-good: a ok, 1 attempt, ") and not good.marked
    failed = comments["none: b 501 -> c reset"]
    assert failed.marked and "2 attempts" in failed.comment
    assert comments["all: locked 401 -> b 500 -> c ok"].marked != failed.marked


def test_files_of_a_run_are_only_what_was_asked_for(
    run: tuple[Router, list[httpx2.Response]], tmp_path: Path
) -> None:
    names = {path.name for path in tmp_path.iterdir()}
    assert names <= {"switchyard.yaml", "mitmproxy", "flows.mitm", "flows.har", ".mitmproxy"}
