"""Ollama's `/api/generate`: one prompt, one text."""

import json
from typing import Any

import httpx
import pytest

from addons.wire.conversation import Choice
from addons.wire.conversation import Media
from addons.wire.conversation import Reply
from addons.wire.conversation import Stop
from addons.wire.conversation import Text
from addons.wire.conversation import Thinking
from addons.wire.conversation import Usage
from addons.wire.errors import BadReply
from addons.wire.errors import BadRequest
from addons.wire.fold import fold
from addons.wire.fold import unfold
from addons.wire.jsonio import dumps
from addons.wire.ollama import Ollama
from addons.wire.ollama.generate import OllamaGenerate
from tests.wire import laws
from tests.wire.laws import ASKED
from tests.wire.meaning import reply_meaning

GENERATE = OllamaGenerate()

REPLY = Reply(
    format="anthropic",
    id="x",
    model="m",
    choices=(Choice(parts=(Thinking(text="hm"), Text(text="Hi")), stop=Stop(reason="length")),),
    usage=Usage(input=1, output=2),
)


def test_a_prompt_is_a_conversation_of_one_turn():
    body = {
        "model": "m",
        "prompt": "Look",
        "system": "Be",
        "images": ["iVBORw0KGgo="],
        "options": {"num_predict": 3, "num_ctx": 9},
        "template": "{{ .Prompt }}",
        "keep_alive": "5m",
        "format": "json",
    }
    c = GENERATE.read_request(body)
    assert [turn.role for turn in c.turns] == ["system", "user"]
    text, image = c.turns[1].parts
    assert text == Text(text="Look") and isinstance(image, Media)
    assert c.max_tokens == 3 and c.output and c.output.kind == "json_object"
    assert Ollama().write_request(c) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be"},
            {"role": "user", "content": "Look", "images": ["iVBORw0KGgo="]},
        ],
        "options": {"num_predict": 3, "num_ctx": 9},
        "keep_alive": "5m",
        "format": "json",
    }
    assert GENERATE.write_request(c) == {k: v for k, v in body.items() if k != "template"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "m"}, "prompt"),
        ({"model": "m", "prompt": 3}, "prompt"),
        ({"model": "m", "prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a"}, "model"),
    ],
)
def test_what_cannot_be_answered(body: dict[str, Any], param: str):
    with pytest.raises(BadRequest) as caught:
        GENERATE.read_request(body)
    assert caught.value.param == param


def test_answers():
    body = GENERATE.write_reply(REPLY, ASKED)
    assert (body["response"], body["thinking"], body["done_reason"]) == ("Hi", "hm", "length")
    assert "message" not in body
    assert reply_meaning(GENERATE.read_reply(body)) == reply_meaning(REPLY)
    data = laws.write_stream(GENERATE, unfold(REPLY))
    assert all("message" not in json.loads(line) for line in data.splitlines())
    again = fold("ollama-generate", laws.read_stream(GENERATE, data))
    assert reply_meaning(again) == reply_meaning(REPLY)
    with pytest.raises(BadReply):
        GENERATE.read_reply({"message": {}})


def test_client_reads_answers_and_streams():
    sdk = pytest.importorskip("ollama", reason="ollama's SDK is not installed")

    def client(data: bytes) -> Any:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, content=data))
        return sdk.Client(host="http://x", transport=transport)

    found = client(dumps(GENERATE.write_reply(REPLY, ASKED))).generate("m", "p")
    assert (found.response, found.thinking, found.eval_count) == ("Hi", "hm", 2)
    data = laws.write_stream(GENERATE, unfold(REPLY))
    chunks = list(client(data).generate("m", "p", stream=True))
    assert "".join(chunk.response for chunk in chunks) == "Hi"
    assert [chunk.done for chunk in chunks] == [False, False, True]
