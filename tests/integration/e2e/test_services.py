"""What passes through to a provider besides calls to models, with the official SDKs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.support.answers import CHAT
from tests.support.answers import refusing
from tests.support.router import Router
from tests.support.steps import CUT
from tests.support.steps import Behaviour
from tests.support.steps import Reaction
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Plan
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

FAILURES = ("429", "500", "404", "cut")
CLIENT_KEY, NARROW_KEY = "cl-services-1", "cl-services-2"
SOUND = bytes(range(256)) * 1024
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 700
JOBS = b'{"custom_id":"1"}\n' * 9000


def configuration(upstream: Upstream) -> dict[str, Any]:
    url = upstream.url
    return {
        "clients": {
            "api-keys": [CLIENT_KEY, {"key": NARROW_KEY, "name": "narrow", "models": ["one/*"]}]
        },
        "providers": [
            {"name": "anth", "format": "anthropic", "base-url": url, "api-key": "up-anth"},
            {"name": "one", "base-url": f"{url}/one/v1", "api-key-entries": ["up-1a", "up-1b"],
             "models": [{"name": "whisper-large", "alias": "whisper"}, "dall",
                        *(f"for-{how}" for how in FAILURES)]},
            {"name": "two", "prefix": "zwei", "base-url": f"{url}/two/v1", "api-key": "up-2"},
        ],
        "combos": {
            "ears": {"members": ["one/whisper", "two/whisper-2"]},
            **{how: {"members": [f"one/for-{how}", "two/whisper-2"]} for how in FAILURES},
        },
        "retry": {"request-retry": 0},
        "cooldown": {"base": "50ms", "cap": "100ms"},
    }  # fmt: skip


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def router(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    with Router(tmp_path_factory.mktemp("services"), configuration(upstream)) as running:
        yield running


@pytest.fixture(autouse=True)
def forgotten(upstream: Upstream) -> Iterator[None]:
    yield
    upstream.forget()
    assert not upstream.unscripted


@pytest.fixture
def sdk(router: Router) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{router.url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=30
    ) as client:
        yield client


def on(upstream: Upstream, path: str, reaction: Reaction) -> Plan:
    return upstream.on(None, path=path, always=reaction)


def ok(**said: Any) -> Behaviour:
    return whole(json.dumps(said).encode())


def form_of(request: Recorded) -> dict[str, bytes]:
    """The fields of a form, read apart from the router's own reader."""
    boundary = (request.header("content-type") or "").partition("boundary=")[2].strip('"')
    found = {}
    for part in request.body.split(b"--" + boundary.encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = head.decode().partition('name="')[2].partition('"')[0]
        found[name] = value.removesuffix(b"\r\n")
    return found


def test_images_go_by_the_model(upstream: Upstream, sdk: openai.OpenAI) -> None:
    plan = on(upstream, "/one/v1/images/generations", ok(created=1, data=[{"url": "http://x"}]))
    assert sdk.images.generate(model="one/dall", prompt="a cat", n=1).data[0].url == "http://x"  # type: ignore
    (request,) = plan.requests
    assert request.json == {"model": "dall", "prompt": "a cat", "n": 1}
    assert request.key in ("up-1a", "up-1b")


def test_forms_keep_all_but_the_model(upstream: Upstream, sdk: openai.OpenAI) -> None:
    plan = on(upstream, "/one/v1/audio/transcriptions", ok(text="hello"))
    said = sdk.audio.transcriptions.create(
        model="ears", file=("a.wav", SOUND, "audio/wav"), language="de"
    )
    assert said.text == "hello"
    form = form_of(plan.requests[0])
    assert form == {"model": b"whisper-large", "language": b"de", "file": SOUND}
    edited = on(upstream, "/two/v1/images/edits", ok(created=1, data=[]))
    sdk.images.edit(model="zwei/any-model", image=("p.png", PICTURE), prompt="x")
    form = form_of(edited.requests[0])
    assert (form["model"], form["image"], form["prompt"]) == (b"any-model", PICTURE, b"x")


@pytest.mark.parametrize("how", FAILURES)
def test_a_failing_provider_is_left(upstream: Upstream, sdk: openai.OpenAI, how: str) -> None:
    fails = chunked(CUT) if how == "cut" else refusing(CHAT, int(how))
    failing = on(upstream, "/one/v1/audio/transcriptions", fails)
    serving = on(upstream, "/two/v1/audio/transcriptions", ok(text="from two"))
    answer = sdk.audio.transcriptions.with_raw_response.create(
        model=how, file=("a.wav", SOUND, "audio/wav")
    )
    assert answer.parse().text == "from two"
    assert answer.headers["x-switchyard-provider"] == "two"
    assert failing.requests and form_of(serving.requests[0])["model"] == b"whisper-2"


def test_sounds_stream(upstream: Upstream, sdk: openai.OpenAI) -> None:
    pieces = [SOUND[i : i + 65536] for i in range(0, len(SOUND), 65536)]
    on(upstream, "/two/v1/audio/speech", chunked(*pieces, content_type="audio/mpeg"))
    spoken = sdk.audio.speech.create(model="two/tts", voice="alloy", input="hello")
    assert spoken.content == SOUND
    assert spoken.response.headers["content-type"] == "audio/mpeg"


def test_files_and_batches_stay_with_one_provider(upstream: Upstream, router: Router) -> None:
    with openai.OpenAI(base_url=f"{router.url}/zwei/v1", api_key=CLIENT_KEY, max_retries=0) as sdk:
        file = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "j",
                "purpose": "batch", "status": "processed"}  # fmt: skip
        put = on(upstream, "/two/v1/files", lambda r: ok(**file) if r.method == "POST" else ok(
            object="list", data=[file], has_more=False))  # fmt: skip
        assert sdk.files.create(file=("j.jsonl", JOBS), purpose="batch").id == "file-1"
        assert form_of(put.requests[0])["file"] == JOBS
        assert [one.id for one in sdk.files.list(purpose="batch")] == ["file-1"]
        assert put.requests[1].target == "/two/v1/files?purpose=batch"
        on(upstream, "/two/v1/files/file-1/content",
           chunked(JOBS, content_type="application/octet-stream"))  # fmt: skip
        assert sdk.files.content("file-1").content == JOBS
        gone = on(upstream, "/two/v1/files/file-1", ok(id="file-1", object="file", deleted=True))
        assert sdk.files.delete("file-1").deleted
        assert gone.requests[0].method == "DELETE" and gone.requests[0].body == b""
        batch = {"id": "b-1", "object": "batch", "endpoint": "/v1/chat/completions", "status":
                 "cancelling", "input_file_id": "file-1", "completion_window": "24h",
                 "created_at": 1}  # fmt: skip
        on(upstream, "/two/v1/batches", ok(**batch))
        sdk.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        )
        on(upstream, "/two/v1/batches/b-1/cancel", ok(**batch))
        assert sdk.batches.cancel("b-1").status == "cancelling"
    assert {request.key for request in upstream.requests if "/two/" in request.path} == {"up-2"}


def test_batches_of_messages(upstream: Upstream, router: Router) -> None:
    results = b'{"custom_id":"1","result":{"type":"canceled"}}\n'
    batch = {"id": "mb-1", "type": "message_batch", "processing_status": "ended", "created_at":
             "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z", "request_counts":
             {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 1, "expired": 0},
             "results_url": f"{router.url}/v1/messages/batches/mb-1/results"}  # fmt: skip
    made = on(upstream, "/v1/messages/batches", ok(**batch))
    on(upstream, "/v1/messages/batches/mb-1", ok(**batch))
    on(upstream, "/v1/messages/batches/mb-1/results",
       chunked(results, content_type="application/x-jsonl"))  # fmt: skip
    with anthropic.Anthropic(base_url=router.url, api_key=CLIENT_KEY, max_retries=0) as client:
        params: Any = {"model": "m", "max_tokens": 9, "messages": []}
        client.messages.batches.create(requests=[{"custom_id": "1", "params": params}])
        (result,) = client.messages.batches.results("mb-1")
    assert result.result.type == "canceled"
    (request,) = made.requests
    assert request.key == "up-anth" and request.header("anthropic-version")


async def ask(router: Router, path: str, key: str = CLIENT_KEY, **more: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}", **more.pop("headers", {})}
    async with httpx2.AsyncClient(base_url=router.url, timeout=30, trust_env=False) as client:
        return await client.post(path, headers=headers, **more)


async def test_who_is_asked_where_there_is_no_model(upstream: Upstream, router: Router) -> None:
    first = on(upstream, "/one/v1/moderations", ok(id="m", results=[]))
    other = on(upstream, "/two/v1/moderations", ok(id="m", results=[]))
    body = {"input": "x"}
    assert (await ask(router, "/v1/moderations", json=body)).status_code == 200
    named = {"x-switchyard-provider": "two"}
    assert (await ask(router, "/v1/moderations", json=body, headers=named)).status_code == 200
    assert (await ask(router, "/two/v1/moderations", json=body)).status_code == 200
    assert (await ask(router, "/openai/v1/moderations", json=body)).status_code == 200
    assert (len(first.requests), len(other.requests)) == (2, 2)
    assert all(request.header("x-switchyard-provider") is None for request in other.requests)
    assert (await ask(router, "/none/v1/moderations", json=body)).status_code == 404
    unknown = await ask(router, "/v1/moderations", json={"model": "omni", **body})
    assert unknown.status_code == 404 and "omni" in unknown.text


async def test_keys_take_turns_and_cool_down(upstream: Upstream, router: Router) -> None:
    def by_key(request: Recorded) -> Any:
        return refusing(CHAT, 429) if request.key == "up-1a" else ok(id="m", results=[])

    plan = on(upstream, "/one/v1/moderations", by_key)
    for _ in range(4):
        assert (await ask(router, "/v1/moderations", json={"input": "x"})).status_code == 200
    assert {request.key for request in plan.requests} == {"up-1a", "up-1b"}


async def test_errors_are_told_as_they_came(upstream: Upstream, router: Router) -> None:
    on(upstream, "/one/v1/moderations", refusing(CHAT, 400, "invalid_request_error", "no input"))
    answer = await ask(router, "/v1/moderations", json={})
    assert answer.status_code == 400 and answer.json()["error"]["message"] == "no input"
    broken = await ask(
        router, "/v1/moderations", content=b"{", headers={"content-type": "application/json"}
    )
    assert broken.status_code == 400


async def test_rights(upstream: Upstream, router: Router) -> None:
    on(upstream, "/one/v1/rerank", ok(results=[]))
    on(upstream, "/two/v1/rerank", ok(results=[]))
    allowed = await ask(router, "/v2/rerank", NARROW_KEY, json={"model": "one/dall", "query": "x"})
    assert allowed.status_code == 200, allowed.text
    refused = [
        await ask(router, "/v1/rerank", NARROW_KEY, json={"model": "two/x", "query": "x"}),
        await ask(router, "/v1/files", NARROW_KEY, content=b"x"),
        await ask(router, "/two/v1/rerank", NARROW_KEY, json={"model": "one/dall"}),
        await ask(router, "/v1/messages/batches", NARROW_KEY, json={"requests": []}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4
    assert (await ask(router, "/v1/files", "no-key", content=b"x")).status_code == 401


async def test_no_credential_of_the_clients_goes_on(upstream: Upstream, router: Router) -> None:
    plan = on(upstream, "/one/v1/moderations", ok(id="m", results=[]))
    answer = await ask(
        router, f"/v1/moderations?key={CLIENT_KEY}&x=1", json={"input": "x"},
        headers={"x-api-key": "own-login-0123456789", "api-key": CLIENT_KEY},
    )  # fmt: skip
    assert answer.status_code == 200
    (request,) = plan.requests
    assert request.target == "/one/v1/moderations?x=1"
    assert CLIENT_KEY not in str(request.headers) and "own-login" not in str(request.headers)


async def test_azures_paths(upstream: Upstream, router: Router) -> None:
    plan = on(upstream, "/two/v1/audio/transcriptions", ok(text="x"))
    form = {"files": {"file": ("a.wav", SOUND)}, "data": {"language": "de"}}
    path = "/openai/deployments/two%2Fwhisper-9/audio/transcriptions?api-version=1"
    assert (await ask(router, path, **form)).status_code == 200
    assert form_of(plan.requests[0])["model"] == b"whisper-9"
    assert plan.requests[0].target.endswith("/audio/transcriptions?api-version=1")


def test_a_configured_default(tmp_path: Path, upstream: Upstream) -> None:
    config = {**configuration(upstream), "service-provider": "two"}
    plan = on(upstream, "/two/v1/moderations", ok(id="m", results=[]))
    with Router(tmp_path, config) as router:
        with openai.OpenAI(base_url=f"{router.url}/v1", api_key=CLIENT_KEY) as client:
            client.moderations.create(input="x")
            client.moderations.create(input="x", model="omni-moderation-latest")
    assert [request.json.get("model") for request in plan.requests] == [
        None,
        "omni-moderation-latest",
    ]
