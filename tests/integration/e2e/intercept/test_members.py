"""Clients with a login of their own, through the router as a proxy: their provider answers first,
others when that is out.
"""

from collections.abc import Callable

import httpx2
import pytest

from tests.integration.e2e.intercept.world import ALONE
from tests.integration.e2e.intercept.world import CLAUDE
from tests.integration.e2e.intercept.world import COPILOT
from tests.integration.e2e.intercept.world import KEY
from tests.integration.e2e.intercept.world import OTHER
from tests.integration.e2e.intercept.world import OUT
from tests.integration.e2e.intercept.world import OWN
from tests.integration.e2e.intercept.world import World
from tests.integration.e2e.intercept.world import at
from tests.integration.e2e.intercept.world import numbers
from tests.integration.e2e.intercept.world import post
from tests.integration.e2e.intercept.world import question
from tests.integration.e2e.intercept.world import route
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.reading import read_stream
from tests.support.steps import CUT
from tests.support.steps import chunked
from tests.support.steps import whole


@pytest.mark.parametrize("stream", [True, False])
def test_the_clients_own_provider_answers_first(world: World, token: str, stream: bool) -> None:
    events = ANTHROPIC.events(Answer())
    body = ANTHROPIC.whole(Answer())
    limits = (("anthropic-ratelimit-unified-status", "allowed"), ("request-id", "req_1"))
    plan = world.home.on(
        None, chunked(*events, headers=limits) if stream else whole(body, headers=limits)
    )
    answer = post(world, token, stream=stream)
    assert answer.content == (b"".join(events) if stream else body)
    assert answer.headers["anthropic-ratelimit-unified-status"] == "allowed"
    assert answer.headers["request-id"] == "req_1"
    assert route(answer) == (OWN, "1")
    assert answer.headers["x-switchyard-model"] == "claude-sonnet-4-5"
    (request,) = plan.requests
    assert request.target == "/v1/messages?beta=true"
    assert request.header("host") == CLAUDE
    assert request.key == token
    assert request.json == question(stream=stream)


@pytest.mark.parametrize("out", OUT)
def test_another_provider_answers_when_it_is_out(world: World, token: str, out: str) -> None:
    home = world.home.on(None, OUT[out])
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    answer = post(world, token, stream=True)
    assert answer.status_code == 200
    assert read_stream("anthropic", answer.content).text == OTHER.text
    assert route(answer) == ("glm", "2")
    assert home.requests[0].key == token
    (request,) = other.requests
    assert request.key == KEY
    assert token not in str(request.headers) and token.encode() not in request.body


def test_what_is_asked_of_other_tiers_goes_to_their_members(world: World, token: str) -> None:
    world.home.on(None, OUT["429"])
    world.other.on("flash", saying(CHAT, OTHER))
    world.other.on("glm-net", saying(CHAT, OTHER))
    small = post(world, token, model="claude-haiku-4-5")
    assert (small.headers["x-switchyard-model"], *route(small)) == ("flash", "glm", "2")
    large = post(world, token, model="claude-opus-4-6")
    assert (large.headers["x-switchyard-model"], *route(large)) == ("glm-net", "glm", "1")


def test_it_is_used_again_when_its_term_is_over(world: World, token: str) -> None:
    """And not before. Other logins are not concerned."""
    other = world.other.on("glm-4.7", always=saying(CHAT, OTHER))
    short = refusing(
        ANTHROPIC, 429, "rate_limit_error", "slow down", headers=(("retry-after", "2"),)
    )
    home = world.home.on(None, short, always=saying(ANTHROPIC), key=token)
    world.home.on(None, always=saying(ANTHROPIC), key=f"{token}-of-another")
    with world.client(token) as client:

        def ask() -> str:
            answer = client.post(at(CLAUDE, "/v1/messages"), json=question())
            assert answer.status_code == 200
            return answer.headers["x-switchyard-provider"]

        assert ask() == "glm"
        assert len(home.requests) == 1 and len(other.requests) == 1
        assert route(post(world, f"{token}-of-another")) == (OWN, "1")
        while (provider := ask()) == "glm":
            assert len(home.requests) == 1
        refused, recovered = home.requests
        assert provider == OWN and recovered.arrived - refused.arrived >= 2


def test_without_anything_better_it_is_asked_all_the_same(world: World, token: str) -> None:
    """And its own words are what the client hears, with the headers that clients go by."""
    world.other.on("glm-4.7", always=refusing(CHAT, 500))
    world.home.on(None, OUT["usage-limit"], OUT["usage-limit"])
    first, second = post(world, token), post(world, token)
    for answer in (first, second):
        assert answer.status_code == 429
        assert answer.content == OUT["usage-limit"][1]
        assert answer.headers["anthropic-ratelimit-unified-reset"] == "4102444800"
        assert answer.headers["retry-after"] == "18000"


def test_a_host_of_its_own_alone(world: World, token: str) -> None:
    refusal = refusing(CHAT, 429, "rate_limit", "used up", headers=(("retry-after", "900"),))
    plan = world.home.on("gpt-9", refusal, saying(CHAT))
    with world.client(token) as client:
        for status in (429, 200):
            answer = client.post(at(ALONE, "/v1/chat/completions"), json=question("gpt-9"))
            assert answer.status_code == status
    assert [request.key for request in plan.requests] == [token, token]


def test_a_wrong_request_is_the_clients_own_matter(world: World, token: str) -> None:
    wrong = refusing(ANTHROPIC, 400, "invalid_request_error", "max_tokens: too high")
    world.home.on(None, wrong)
    answer = post(world, token)
    assert (answer.status_code, answer.content) == (400, wrong[1])


def test_a_login_that_ran_out_is_renewed_by_its_client(world: World, token: str) -> None:
    """It must hear of it once. The same token again will not be renewed."""
    refused = refusing(ANTHROPIC, 401, "authentication_error", "OAuth token has expired")
    home = world.home.on(None, refused)
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    first = post(world, token)
    assert (first.status_code, first.content) == (401, refused[1])
    assert route(post(world, token)) == ("glm", "1")
    assert len(home.requests) == 1


def test_a_key_that_is_refused_is_not(world: World) -> None:
    world.home.on(None, refusing(ANTHROPIC, 401, "authentication_error", "invalid x-api-key"))
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    with world.client() as client:
        answer = client.post(
            at(CLAUDE, "/v1/messages"),
            json=question(),
            headers={"x-api-key": f"sk-ant-api03-{next(numbers)}"},
        )
    assert route(answer) == ("glm", "2")


def test_it_may_come_last(world: World, token: str) -> None:
    world.other.on("glm-4.7", refusing(CHAT, 503))
    home = world.copilot.on("gpt-5", saying(CHAT), path="/chat/completions")
    with world.client(token) as client:
        answer = client.post(at(COPILOT, "/chat/completions?v=1"), json=question("gpt-5"))
    assert route(answer) == (f"passthrough:{COPILOT}", "2")
    (request,) = home.requests
    assert (request.http_version, request.key) == ("HTTP/2", token)
    assert (request.target, request.header("host")) == ("/chat/completions?v=1", COPILOT)


def test_tokens_are_counted_by_the_clients_own_provider(world: World, token: str) -> None:
    path = "/v1/messages/count_tokens"
    home = world.home.on(None, whole(b'{"input_tokens":  42}'), OUT["429"], path=path)
    with world.client(token) as client:
        own = client.post(at(CLAUDE, path), json=question())
        assert own.content == b'{"input_tokens":  42}'
        estimated = client.post(at(CLAUDE, path), json=question())
    assert estimated.status_code == 200 and estimated.json()["input_tokens"] > 0
    assert estimated.headers["x-switchyard-estimate"] == "true"
    assert [request.key for request in home.requests] == [token, token]


def test_after_another_provider_answered_the_conversation_is_fit_for_its_own(
    world: World, token: str
) -> None:
    """What the router sealed into thinking of others would be refused by the client's provider."""
    thinking = Answer(text=f"So: {GOOD}.", thinking="Let me think.")
    home = world.home.on(None, OUT["529"], always=saying(ANTHROPIC))
    world.other.on("glm-4.7", always=saying(CHAT, thinking))
    first = post(world, token)
    content = first.json()["content"]
    assert content[0]["type"] == "thinking"
    turns = [
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": "And?"},
    ]
    while route(answer := post(world, token, messages=turns))[0] == "glm":
        pass
    assert answer.status_code == 200
    sent = home.requests[-1].json["messages"][1]["content"]
    assert [block["type"] for block in sent] == ["text"]


def test_base_urls_work_beside_it(world: World, token: str) -> None:
    """On the same port: by name, and, for names that are nobody's, as if sent to the format's
    home."""
    world.other.on("direct", saying(CHAT, OTHER))
    home = world.home.on(None, saying(ANTHROPIC), OUT["529"])
    world.other.on("flash", saying(CHAT, OTHER))
    bearer = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=world.router.url, headers=bearer, trust_env=False) as client:
        named = client.post("/v1/chat/completions", json=question("glm/direct"))
        assert route(named) == ("glm", "1")
        own = client.post("/v1/messages?beta=true", json=question("claude-haiku-4-5"))
        assert route(own) == (OWN, "1")
        saved = client.post("/v1/messages", json=question("claude-haiku-4-5"))
        assert route(saved) == ("glm", "2")
    assert home.requests[0].target == "/v1/messages?beta=true"
    assert home.requests[0].key == token
    assert home.requests[0].header("host") == CLAUDE


def test_another_member_goes_on_with_a_stream_that_broke_off(
    own_world: Callable[..., World], token: str
) -> None:
    it = own_world(
        {"intercept": {CLAUDE: {"members": ["passthrough", "glm/x"], "continue-streams": True}}}
    )
    events = ANTHROPIC.events(Answer(text="One two three four"))
    it.home.on(None, chunked(*events[:4], CUT))
    rest = it.other.on("x", saying(CHAT, Answer(text=f" and so on, {GOOD}.")))
    with it.router:
        told = read_stream("anthropic", post(it, token, stream=True).content)
    assert told.text.endswith(f"and so on, {GOOD}.") and told.text.startswith("One")
    assert token not in str(rest.requests[0].headers)
