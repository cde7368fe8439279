"""What is too long for one member goes to a larger window."""

import httpx2

from tests.integration.e2e.patience.arena import Arena
from tests.integration.e2e.patience.arena import client_of
from tests.integration.e2e.patience.arena import clients
from tests.integration.e2e.patience.arena import is_whole_answer
from tests.integration.e2e.patience.arena import question
from tests.integration.e2e.patience.arena import read
from tests.integration.e2e.patience.arena import streamed
from tests.integration.e2e.patience.arena import targets
from tests.integration.e2e.patience.arena import upstreams
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.steps import Behaviour


def too_long(dialect: Dialect) -> Behaviour:
    if dialect is ANTHROPIC:
        said = "prompt is too long: 208310 tokens > 200000 maximum"
        return refusing(dialect, 400, "invalid_request_error", said)
    said = "This model's maximum context length is 8192 tokens."
    return refusing(dialect, 400, "invalid_request_error", said, code="context_length_exceeded")


@streamed
@clients
@upstreams
async def test_what_is_too_long_goes_to_a_larger_window(
    arena: Arena, http: httpx2.AsyncClient, client: Dialect, dialect: Dialect, stream: bool
) -> None:
    """Member b has a smaller window than a, and is not asked at all."""
    combo = arena.combo("plain", dialect)
    combo.on("a", too_long(dialect))
    combo.on("c", saying(dialect))
    answer = await http.post(client.path, json=question(combo, stream=stream))
    assert is_whole_answer(read(client, answer, stream)), answer.text
    rows = await targets(http, combo)
    assert "b" not in rows and rows["a"]["state"] == "closed"


@clients
@upstreams
async def test_what_is_too_long_for_all_is_told_in_the_clients_words(
    quiet: Arena, client: Dialect, dialect: Dialect
) -> None:
    combo = quiet.combo("plain", dialect)
    combo.on("a", too_long(dialect))
    combo.on("c", too_long(dialect))
    async with client_of(quiet) as http:
        answer = await http.post(client.path, json=question(combo, stream=True))
    assert answer.status_code == 400
    told = read(client, answer, False)
    said = "prompt is too long" if client is ANTHROPIC else "context"
    assert told.error and said in told.error["message"]
    if client is CHAT:
        assert told.error["code"] == "context_length_exceeded"
