"""The demo upstream as a process, asked by the official SDK and over plain HTTP."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.demo import upstream
from switchyard.demo.process import DemoUpstream

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    demo = DemoUpstream(delay=0)
    yield demo.start()
    demo.stop()


@pytest.fixture
def sdk(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base_url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def connection(base_url: str) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=60)
    yield connection
    connection.close()


def ask(connection: HTTPConnection, body: object) -> tuple[int, dict]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", "/v1/chat/completions", data)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def chat(text: str, **members: object) -> dict:
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **members}


def test_a_whole_answer(sdk: openai.OpenAI):
    completion = sdk.chat.completions.create(
        model="echo",
        messages=[
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "first"},
            {"role": "user", "content": [{"type": "text", "text": "over the\n  hills"}]},
        ],
    )
    assert completion.choices[0].message.content == "over the\n  hills"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 7
    assert completion.usage.completion_tokens == 3
    assert completion.usage.total_tokens == 10


def test_a_stream_gives_each_word_and_the_usage_that_was_asked_for(sdk: openai.OpenAI):
    stream = sdk.chat.completions.create(
        model="echo",
        messages=[{"role": "user", "content": "über den Wolken"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = stream
    words = [chunk.choices[0].delta.content for chunk in chunks]
    assert words == ["", "über", " den", " Wolken", None]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 4 + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (3, 3)


def test_a_stream_without_usage_on_the_wire(connection: HTTPConnection):
    connection.request("POST", "/v1/chat/completions", json.dumps(chat("hi", stream=True)))
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    events = response.read().decode().split("\n\n")
    assert events.pop() == ""
    assert events.pop() == "data: [DONE]"
    documents = [json.loads(event.removeprefix("data: ")) for event in events]
    assert len(documents) == 3
    assert not any("usage" in document for document in documents)
    assert len({document["id"] for document in documents}) == 1


def test_words_come_one_by_one_and_not_all_at_the_end():
    # The pause is far longer than the test may take: whoever waits for the end fails.
    demo = DemoUpstream(delay=600)
    url = urlsplit(demo.start())
    try:
        connection = HTTPConnection(url.netloc, timeout=60)
        connection.request("POST", "/v1/chat/completions", json.dumps(chat("hi", stream=True)))
        first = connection.getresponse().readline()
        assert json.loads(first.removeprefix(b"data: "))["choices"][0]["delta"]["content"] == ""
        connection.close()
    finally:
        demo.stop()


@pytest.mark.parametrize("member", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit(connection: HTTPConnection, member: str):
    _, body = ask(connection, chat("one two three", **{member: 2}))
    assert body["choices"][0]["message"]["content"] == "one two"
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("stop", [" three", ["four", " three"]])
def test_a_stop_sequence(connection: HTTPConnection, stop: object):
    _, body = ask(connection, chat("one two three four", stop=stop))
    assert body["choices"][0]["message"]["content"] == "one two"
    assert body["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (chat("hi") | {"model": "other"}, 404, "model"),
        (chat("hi") | {"messages": "hi"}, 400, "messages"),
        (chat("hi") | {"messages": ["hi"]}, 400, "messages"),
        (chat(" \n"), 400, "messages"),
        ({"model": "echo"}, 400, "messages"),
        (chat("hi", max_tokens="2"), 400, "max_tokens"),
        (chat("hi", stop=[""]), 400, "stop"),
        (chat("hi", stream_options=[]), 400, "stream_options"),
    ],
)
def test_what_cannot_be_answered_is_refused_and_the_connection_stays(
    connection: HTTPConnection, body: object, status: int, param: str | None
):
    got, document = ask(connection, body)
    assert got == status
    assert document["error"]["type"] == "invalid_request_error"
    assert document["error"]["param"] == param
    sock = connection.sock
    assert ask(connection, chat("still here"))[0] == 200
    assert connection.sock is sock


def test_models(sdk: openai.OpenAI):
    assert [model.id for model in sdk.models.list()] == ["echo"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/other", 404), ("GET", "/v1/chat/completions", 405), ("POST", "/v1/models", 405)],
)
def test_other_paths_and_methods(connection: HTTPConnection, method: str, path: str, status: int):
    connection.request(method, path)
    response = connection.getresponse()
    assert response.status == status
    assert json.loads(response.read())["error"]["message"]


def test_a_chunked_request_with_expect(base_url: str):
    url = urlsplit(base_url)
    body = json.dumps(chat("in pieces")).encode()
    with socket.create_connection((url.hostname, url.port), timeout=60) as sock:
        sock.sendall(
            b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        reader = sock.makefile("rb")
        assert reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert reader.readline() == b"\r\n"
        for piece in (body[:5], body[5:]):
            sock.sendall(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece))
        sock.sendall(b"0\r\nTrailer: x\r\n\r\n")
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert json.loads(response.read())["choices"][0]["message"]["content"] == "in pieces"
        assert sock.recv(1) == b""  # closed, as was asked


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /v1/models HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/models HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: ".ljust(2**16 + 4, b"x"), 431),  # one byte over, no end yet
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(
    base_url: str, request_head: bytes, status: int
):
    url = urlsplit(base_url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as sock:
        sock.sendall(request_head)
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert response.status == status
        assert response.getheader("connection") == "close"


@given(st.text())
def test_words_joined_are_the_text(text: str):
    words = upstream.split_words(text)
    assert "".join(words) == text
    assert all(words)


def refused(base_url: str) -> bool:
    """Whether nobody listens at `base_url` any more."""
    url = urlsplit(base_url)
    try:
        socket.create_connection((url.hostname, url.port), timeout=60).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True  # reset: it was accepted by a process that ended before it was served
    return False


def test_start_and_stop():
    demo = DemoUpstream()
    first = demo.start()
    with pytest.raises(RuntimeError, match="already"):
        demo.start()
    demo.stop()
    demo.stop()
    assert refused(first)
    second = demo.start()
    assert not refused(second)
    demo.stop()
    assert refused(second)


def test_a_stream_under_way_does_not_hold_up_the_end(capfd: pytest.CaptureFixture[str]):
    demo = DemoUpstream(delay=600)
    url = urlsplit(demo.start())
    connection = HTTPConnection(url.netloc, timeout=60)
    connection.request("POST", "/v1/chat/completions", json.dumps(chat("hi", stream=True)))
    response = connection.getresponse()
    process = demo._process
    assert process is not None
    demo.stop()
    assert process.returncode == 0  # by itself, not killed
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    connection.close()
    assert capfd.readouterr().err == ""


PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
from switchyard.demo.process import DemoUpstream
demo = DemoUpstream()
print(demo.start(), demo._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent_however_that_ends(tmp_path: Path, number: signal.Signals):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(ROOT / "addons")],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    base_url, _, pid = parent.stdout.readline().rpartition(" ")
    assert not refused(base_url)
    parent.send_signal(number)
    parent.communicate()
    # It is no child of ours, so its end can only be looked for.
    limit = time.monotonic() + 30
    while not refused(base_url):
        assert time.monotonic() < limit, f"process {pid.strip()} outlived its parent"
        time.sleep(0.01)


def test_ctrl_c_leaves_the_end_to_the_parent():
    demo = DemoUpstream(delay=0)
    base_url = demo.start()
    assert demo._process is not None
    demo._process.send_signal(signal.SIGINT)
    assert not refused(base_url)
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=60)
    assert ask(connection, chat("alive"))[0] == 200
    connection.close()
    demo.stop()


def test_runs_as_a_module(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "switchyard.demo.upstream", "--delay", "0"],
        cwd=ROOT / "addons",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = urlsplit(process.stdout.readline().strip())
    connection = HTTPConnection(url.netloc, timeout=60)
    assert ask(connection, chat("hi"))[0] == 200
    connection.close()
    process.communicate()
    assert process.returncode == 0


def test_needs_the_standard_library_alone():
    command = [sys.executable, "-I", "-S", upstream.__file__, "--help"]
    assert "--delay" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
