"""Signed requests to Bedrock: an upstream verifies them, and botocore's client judges it."""

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from botocore.config import Config as ClientConfig
from botocore.session import Session

from tests.support.answers import ANTHROPIC
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.event_stream import as_event_stream
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.sigv4 import signer_of
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SECRETS = {"AKIAEXAMPLE1": "wJalr-Secret-One-9f8e7d", "AKIAEXAMPLE2": "Zz91k-Secret-Two-1a2b3c"}
SESSION = "session-token-IQoJb3JpZ2luX2VjE-77"
STREAM = as_event_stream(b"".join(ANTHROPIC.events(Answer())))


class Bedrock:
    """Answers requests that are rightly signed, and remembers who signed them."""

    def __init__(self) -> None:
        self.signers: list[tuple[str, str, str]] = []
        self.tokens: list[str | None] = []

    def __call__(self, request: Recorded) -> Behaviour:
        headers = dict(request.headers)
        self.signers.append(
            signer_of(request.method, request.target, headers, request.body, SECRETS)
        )
        self.tokens.append(headers.get("x-amz-security-token"))
        return chunked(STREAM, content_type="application/vnd.amazon.eventstream")


@pytest.fixture
def cloud() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream
        assert not upstream.unscripted, "a signature is wrong"


def profiles(folder: Path) -> Path:
    file = folder / "credentials"
    file.write_text(
        f"[plain]\naws_access_key_id = AKIAEXAMPLE1\n"
        f"aws_secret_access_key = {SECRETS['AKIAEXAMPLE1']}\n"
        f"[session]\naws_access_key_id = AKIAEXAMPLE2\n"
        f"aws_secret_access_key = {SECRETS['AKIAEXAMPLE2']}\naws_session_token = {SESSION}\n"
    )
    return file


def official(cloud: Upstream, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profiles(folder)))
    return Session(profile="session").create_client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=cloud.url,
        config=ClientConfig(retries={"total_max_attempts": 1}, proxies={}),
    )


def test_the_official_client_passes_the_same_verification(
    cloud: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedrock = Bedrock()
    cloud.on(always=bedrock)
    client = official(cloud, tmp_path, monkeypatch)
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")
    assert sum("chunk" in event for event in answer["body"]) > 3
    assert bedrock.signers == [("AKIAEXAMPLE2", "eu-west-1", "bedrock")]
    assert bedrock.tokens == [SESSION]


def test_requests_of_the_router_are_signed(
    start_router: Callable[..., Router],
    cloud: Upstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bedrock = Bedrock()
    cloud.on(always=bedrock)
    sources = [{"aws": {"profile": name, "region": "eu-west-1"}} for name in ("plain", "session")]
    router = start_router(
        {
            "providers": [
                {"name": "c", "format": "anthropic", "platform": "bedrock", "base-url": cloud.url,
                 "api-key-entries": [{"api-key": one} for one in sources], "models": [MODEL]},
            ],
            "exchange-log": {"dir": str(tmp_path / "log")},
        },
        env={"AWS_SHARED_CREDENTIALS_FILE": str(profiles(tmp_path))},
    )  # fmt: skip
    body = {"model": MODEL, "max_tokens": 9, "stream": True,
            "messages": [{"role": "user", "content": "Well? ü"}]}  # fmt: skip
    for _turn in range(2):
        answer = httpx2.post(f"{router.url}/v1/messages", json=body, timeout=60, trust_env=False)
        assert GOOD in read_stream("anthropic", answer.content).text, answer.text
    client = official(cloud, tmp_path, monkeypatch)
    assert list(client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")["body"])
    assert len({(one.method, one.target) for one in cloud.requests}) == 1
    assert sorted(bedrock.signers[:2]) == [
        ("AKIAEXAMPLE1", "eu-west-1", "bedrock"), ("AKIAEXAMPLE2", "eu-west-1", "bedrock"),
    ]  # fmt: skip
    assert {*bedrock.tokens[:2]} == {None, SESSION}
    router.stop()
    written = router.log + "".join(
        path.read_text(errors="replace") for path in (tmp_path / "log").rglob("*") if path.is_file()
    )
    assert not [one for one in (*SECRETS.values(), SESSION) if one in written]
