"""A client that cuts a text within a character (as JavaScript does) is answered by every provider.

The doubles refuse what vendors refuse: a body with half of a surrogate pair, which strict readers
of JSON do not take.
"""

import json
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

CUT = "The first half of an emoji: \ud83d"
WHOLE = "The first half of an emoji: \ufffd"


@pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("client", ["anthropic", "openai-chat"])
def test_the_half_is_replaced(tmp_path: Path, client: str, dialect: Dialect) -> None:
    seen: list[Any] = []

    def react(request: Recorded) -> Behaviour:
        seen.append(orjson.loads(request.body))  # refuses halves
        return whole(dialect.whole(Answer()))

    with Upstream() as upstream:
        upstream.on("m", always=react)
        entry = {"name": "p", "format": dialect.name, "base-url": upstream.url, "api-key": "k"}
        body = {"model": "p/m", "max_tokens": 9, "messages": [{"role": "user", "content": CUT}]}
        path = "/v1/messages" if client == "anthropic" else "/v1/chat/completions"
        with Router(tmp_path, {"providers": [entry]}) as router:
            answer = httpx2.post(router.url + path, content=json.dumps(body))
    assert answer.status_code == 200, answer.text
    [content] = [message["content"] for message in seen[0]["messages"]]
    assert WHOLE in (content, *(part["text"] for part in content if isinstance(part, dict)))
