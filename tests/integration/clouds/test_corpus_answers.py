"""Recorded answers on clouds, through whole routers: signatures and tokens are verified by the
upstream, and the client reads what the provider said."""

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.refused import explained_events
from tests.integration.clouds.test_google_tokens import TOKEN
from tests.integration.clouds.test_google_tokens import give_token
from tests.integration.clouds.test_google_tokens import service_account
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply as Given
from tests.support.aws_shapes import faults
from tests.support.aws_shapes import faults_of_shape
from tests.support.converse import ServiceEvent
from tests.support.converse import answer
from tests.support.converse import delta
from tests.support.converse import end
from tests.support.event_stream import as_event_stream
from tests.support.router import Router
from tests.support.sigv4 import signer_of
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import assert_same_stream
from tests.unit.wire.laws import read_stream
from tests.unit.wire.test_relay_corpus import bytes_of
from tests.unit.wire.test_relay_corpus import relayed

EVENT_STREAM = "application/vnd.amazon.eventstream"
SECRETS = {"AKIAEXAMPLE1": "wJalr-Secret-One-9f8e7d"}
ENTRA = "entra-token-of-the-machine-55aa"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"
STEP = 997
EVERY = 3
"""One of so many recorded answers is played: a part of every kind, in a part of the time."""
CLIENT = httpx2.Client(timeout=60, trust_env=False)
STOPS = {"end": "end_turn", "tool_calls": "tool_use", "length": "max_tokens",
         "stop_sequence": "stop_sequence", "content_filter": "content_filtered",
         "refusal": "content_filtered"}  # fmt: skip


@dataclass
class Cloud:
    """Gives one recorded answer after another to who may ask."""

    data: bytes = b""
    content_type: str = "text/event-stream"
    admitted: int = 0
    admits: Callable[[Recorded], object] = field(default=lambda request: None)
    """Raises AssertionError for a request of somebody else."""

    def __call__(self, request: Recorded) -> Behaviour:
        self.admits(request)
        self.admitted += 1
        cut = [self.data[at : at + STEP] for at in range(0, len(self.data), STEP)]
        return chunked(*cut, content_type=self.content_type)


def is_signed(request: Recorded) -> None:
    headers = dict(request.headers)
    signer = signer_of(request.method, request.target, headers, request.body, SECRETS)
    assert signer == ("AKIAEXAMPLE1", "eu-west-1", "bedrock")


def has_googles_token(request: Recorded) -> None:
    assert request.header("authorization") == f"Bearer {TOKEN}"


def has_entras_token(request: Recorded) -> None:
    assert request.header("authorization") == f"Bearer {ENTRA}"
    assert request.header("api-key") is None


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        yield made
        assert not made.unscripted, "a signature or a token is wrong"


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as made:
        yield made


def aws(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """AWS' credentials, and the environment in which they are found."""
    file = folder / "credentials"
    (access, secret), *_ = SECRETS.items()
    file.write_text(f"[plain]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    source = {"aws": {"profile": "plain", "region": "eu-west-1"}}
    return source, {"AWS_SHARED_CREDENTIALS_FILE": str(file)}


def google(folder: Path, authority: Authority) -> dict[str, Any]:
    authority.paths["/token"] = give_token
    return {"google": {"credentials": str(service_account(folder, authority))}}


def azure(authority: Authority) -> dict[str, str]:
    """The environment of a machine in Azure."""

    def give(asked: Asked) -> Given:
        return 200, {"access_token": ENTRA, "expires_on": "4102444800", "token_type": "Bearer",
                     "resource": asked.query["resource"]}  # fmt: skip

    authority.paths["/msi/token"] = give
    return {"IDENTITY_ENDPOINT": f"{authority.url}/msi/token", "IDENTITY_HEADER": "x"}


ASKING: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": ("/v1/messages", {"max_tokens": 99}),
    "openai-chat": ("/v1/chat/completions", {"stream_options": {"include_usage": True}}),
    "openai-responses": ("/v1/responses", {}),
}


def ask(router: Router, client: str, model: str) -> bytes:
    """The stream that a client of a format gets."""
    if client == "gemini":
        path, body = f"/v1beta/models/{model}:streamGenerateContent?alt=sse", {}
        body["contents"] = [{"role": "user", "parts": [{"text": "Well?"}]}]
    else:
        path, more = ASKING[client]
        turns = [{"role": "user", "content": "Well?"}]
        held = {"input": turns} if client == "openai-responses" else {"messages": turns}
        body = {"model": model, "stream": True, **held, **more}
    told = CLIENT.post(f"{router.url}{path}", json=body)
    assert told.status_code == 200, told.text
    return told.content


def good(format: str) -> Iterator[Record]:
    """The recorded streams of a format that are proper answers."""
    for record in streams(format):
        if not relayed(record, format, True)[0].failed:
            yield record


def played(
    router: Router,
    cloud: Cloud,
    format: str,
    model: str,
    framed: Callable[[bytes], bytes] = bytes,
) -> int:
    """Plays recorded streams of a format to clients of two formats; returns how many."""
    other = "openai-chat" if format != "openai-chat" else "anthropic"
    home, count = FORMATS[format], 0
    for record in [*good(format)][::EVERY]:
        events = read_stream(home, bytes_of(record))
        cloud.data = framed(bytes_of(record))
        for client in (format, other):
            away = FORMATS[client]
            meant = explained_events(events) if away is not home else events
            out = ask(router, client, model)
            assert_same_stream(meant, read_stream(away, out), home, away)
            count += 1
    return count


@needs_corpus
def test_bedrock_by_invoke_model(
    start_router: Callable[..., Router], upstream: Upstream, tmp_path: Path
) -> None:
    source, env = aws(tmp_path)
    cloud = Cloud(content_type=EVENT_STREAM, admits=is_signed)
    upstream.on(always=cloud)
    provider = {"preset": "bedrock", "base-url": upstream.url, "api-key": source,
                "models": [CLAUDE]}  # fmt: skip
    router = start_router({"providers": [provider]}, env=env)
    assert played(router, cloud, "anthropic", CLAUDE, as_event_stream) == cloud.admitted > 0
    assert not [secret for secret in SECRETS.values() if secret in router.log]


@needs_corpus
def test_vertex_serves_claude_and_gemini(
    start_router: Callable[..., Router], upstream: Upstream, authority: Authority, tmp_path: Path
) -> None:
    cloud = Cloud(admits=has_googles_token)
    upstream.on(always=cloud)
    key = google(tmp_path, authority)
    presets = [
        {"preset": "vertex", "base-url": f"{upstream.url}/v1/p/publishers/google", "api-key": key,
         "models": ["gemini-3-pro"]},
        {"preset": "vertex-claude", "base-url": f"{upstream.url}/v1/p/publishers/anthropic/models",
         "api-key": key, "models": ["claude-opus-4-6"]},
    ]  # fmt: skip
    router = start_router({"providers": presets}, env={"GOOGLE_CLOUD_PROJECT": "p"})
    count = played(router, cloud, "anthropic", "claude-opus-4-6")
    count += played(router, cloud, "gemini", "gemini-3-pro")
    assert count == cloud.admitted > 0
    assert {one.path.rpartition(":")[2] for one in upstream.requests} == {
        "streamRawPredict", "streamGenerateContent",
    }  # fmt: skip
    assert TOKEN not in router.log


@needs_corpus
@pytest.mark.parametrize("address", ["v1", "deployments"])
def test_azure_serves_completions_and_responses(
    start_router: Callable[..., Router], upstream: Upstream, authority: Authority, address: str
) -> None:
    cloud = Cloud(admits=has_entras_token)
    upstream.on(always=cloud)
    env = azure(authority)
    more: dict[str, Any] = {"platform": "azure", "api-version": "2025-04-01-preview"}
    base = upstream.url if address == "deployments" else f"{upstream.url}/openai/v1"
    key = {"api-key": {"azure": {}}, **(more if address == "deployments" else {})}
    providers = [
        {"name": format, "format": format, "base-url": base, "models": [f"m-{format}"], **key}
        for format in ("openai-chat", "openai-responses")
    ]
    router = start_router({"providers": providers}, env=env)
    count = sum(
        played(router, cloud, format, f"m-{format}")
        for format in ("openai-chat", "openai-responses")
    )
    assert count == cloud.admitted > 0
    assert ENTRA not in router.log


def as_converse(reply: Reply) -> list[ServiceEvent]:
    """A recorded answer as Converse would stream it, without what it cannot say."""
    events: list[ServiceEvent] = [("messageStart", {"role": "assistant"})]
    place = 0
    for part in reply.choice.parts:
        match part:
            case Text(text=text) if text:
                pieces: list[dict[str, object]] = [{"text": text[:7]}, {"text": text[7:]}]
            case Thinking(text=text) if text:
                pieces = [{"reasoningContent": {"text": text}}]
            case ToolCall():
                name = re.sub(r"[^a-zA-Z0-9_-]", "_", part.name)[:64] or "f"
                call = {"toolUseId": f"tooluse_{place}", "name": name}
                events.append(
                    ("contentBlockStart", {"contentBlockIndex": place, "start": {"toolUse": call}})
                )
                said = part.arguments
                pieces = [{"toolUse": {"input": said[:5]}}, {"toolUse": {"input": said[5:]}}]
            case _:
                continue
        events += [*(delta(place, piece) for piece in pieces), end(place)]
        place += 1
    stop = STOPS.get(reply.choice.stop.reason if reply.choice.stop else "end", "end_turn")
    usage = reply.usage
    counts = {"inputTokens": (usage and usage.input) or 0,
              "outputTokens": (usage and usage.output) or 0, "totalTokens": 0}  # fmt: skip
    events.append(("messageStop", {"stopReason": stop}))
    events.append(("metadata", {"usage": counts, "metrics": {"latencyMs": 1}}))
    return events


def words(reply: Reply) -> dict[str, Any]:
    """What every format can say of an answer."""
    parts = reply.choice.parts
    calls = [one for one in parts if isinstance(one, ToolCall)]
    return {
        "text": "".join(one.text for one in parts if isinstance(one, Text)),
        "thinking": "".join(one.text for one in parts if isinstance(one, Thinking)),
        "calls": [(re.sub(r"[^a-zA-Z0-9_-]", "_", one.name)[:64], _json(one)) for one in calls],
    }


def _json(call: ToolCall) -> object:
    try:
        return json.loads(call.arguments or "{}")
    except ValueError:
        return call.arguments


def recorded_replies() -> Iterator[Reply]:
    for name in ("anthropic", "openai-chat", "openai-responses", "gemini"):
        home = FORMATS[name]
        for record in (*good(name), *replies(name)):
            if record.sse:
                reply = fold(name, read_stream(home, bytes_of(record)))
            else:
                if relayed(record, name, True)[0].failed:
                    continue
                reply = home.read_reply(json.loads(bytes_of(record)))
            said = words(reply)
            proper = all(isinstance(made, dict) for _, made in said["calls"])
            if proper and (said["text"] or said["calls"]):
                yield reply


@needs_corpus
def test_bedrock_by_converse(
    start_router: Callable[..., Router], upstream: Upstream, tmp_path: Path
) -> None:
    def admits(request: Recorded) -> None:
        is_signed(request)
        assert request.path.endswith("/converse-stream")
        assert not faults("ConverseStream", request.json, modelId=NOVA)

    source, env = aws(tmp_path)
    cloud = Cloud(content_type=EVENT_STREAM, admits=admits)
    upstream.on(always=cloud)
    provider = {"preset": "bedrock", "base-url": upstream.url, "api-key": source,
                "models": [NOVA]}  # fmt: skip
    router = start_router({"providers": [provider]}, env=env)
    clients = ("anthropic", "openai-chat", "openai-responses", "gemini")
    for place, reply in enumerate([*recorded_replies()][:: 3 * EVERY]):
        events = as_converse(reply)
        for name, body in events:
            assert not faults_of_shape("ConverseStreamOutput", {name: body})
        cloud.data = answer(events)
        client = clients[place % len(clients)]
        out = ask(router, client, NOVA)
        read = fold(client, read_stream(FORMATS[client], out))
        assert words(read) == words(reply), client
    assert cloud.admitted > len(clients)
