"""Ollama's own SDK reads what the router writes."""

from typing import Any

import httpx
import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import unfold
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.registry import FORMATS
from tests.unit.wire import laws
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import requests
from tests.unit.wire.corpus import streams
from tests.unit.wire.formats.ollama.support import OLLAMA
from tests.unit.wire.formats.ollama.support import lines_of
from tests.unit.wire.formats.ollama.support import reply_of
from tests.unit.wire.laws import ASKED

sdk = pytest.importorskip("ollama", reason="ollama's SDK is not installed")
sdk_types = pytest.importorskip("ollama._types")


def client(data: bytes, content_type: str = "application/json", status: int = 200) -> Any:
    response = httpx.Response(status, content=data, headers={"content-type": content_type})
    return sdk.Client(host="http://x", transport=httpx.MockTransport(lambda request: response))


REPLY = reply_of(
    Thinking(text="hm"),
    Text(text="Grüße"),
    ToolCall(id="c", name="f", arguments='{"a":1}'),
    stop="tool_calls",
    usage=Usage(input=1, output=2),
)


def test_client_reads_a_whole_answer():
    found = client(dumps(OLLAMA.write_reply(REPLY, ASKED))).chat("m", [])
    assert (found.message.content, found.message.thinking) == ("Grüße", "hm")
    assert found.message.tool_calls[0].function.arguments == {"a": 1}
    assert (found.done, found.prompt_eval_count, found.eval_count) == (True, 1, 2)


def test_client_reads_a_stream():
    data = laws.write_stream(OLLAMA, unfold(REPLY))
    found = list(client(data, OLLAMA.content_type).chat("m", [], stream=True))
    assert "".join(chunk.message.content or "" for chunk in found) == "Grüße"
    assert "".join(chunk.message.thinking or "" for chunk in found) == "hm"
    assert [chunk.done for chunk in found] == [False, False, False, True]


def test_client_understands_errors():
    status, body = OLLAMA.write_error(ApiError(message="no such model", kind="not_found"))
    with pytest.raises(sdk.ResponseError, match="no such model"):
        client(dumps(body), status=status).chat("m", [])
    writer = OLLAMA.stream_writer(ASKED)
    data = writer.feed(Failure(ApiError(message="gone")))
    with pytest.raises(sdk.ResponseError, match="gone"):
        list(client(data, OLLAMA.content_type).chat("m", [], stream=True))


def test_client_lists_models():
    models = OLLAMA.write_models([ModelEntry("glm/x", "glm", created=1_700_000_000)])
    (listed,) = client(dumps(models)).list().models
    assert listed.model == "glm/x"


@needs_corpus
@pytest.mark.parametrize("name", list(FORMATS))
def test_types_parse_everything_recorded(name: str):
    format = FORMATS[name]
    for record in requests(name):
        assert record.request is not None
        written = OLLAMA.write_request(laws.named(format.read_request(record.request)))
        if name != "ollama":
            sdk_types.ChatRequest.model_validate(written)
    for record in replies(name):
        if format.find_error(record.response) is None and "contentType" not in record.response:
            body = OLLAMA.write_reply(format.read_reply(record.response), ASKED)
            sdk.ChatResponse.model_validate(body)
    for record in streams(name):
        assert record.sse is not None
        events = laws.read_stream(format, record.sse.encode())
        for said in lines_of(laws.write_stream(OLLAMA, events)):
            assert "error" in said or sdk.ChatResponse.model_validate(said)
