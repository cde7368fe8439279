from typing import Any

from switchyard.exchange.exchange import Exchange
from switchyard.exchange.sessions import begins_session
from switchyard.exchange.sessions import cache_key_of
from switchyard.exchange.sessions import find_session
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime

QUESTION = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "hello"}


def exchange(headers: dict[str, str] | None = None, **body: Any) -> Exchange:
    runtime = make_runtime()
    return Pipeline(runtime).begin(call_flow(runtime, headers=headers or {}, **body))


def test_a_session_is_found_once() -> None:
    one = exchange({"session_id": "s-1"})
    assert find_session(one) == one.session == "s-1"
    one.session = "as found before"
    assert find_session(one) == "as found before"


def test_conversations_that_begin_alike_are_new_until_they_have_an_answer() -> None:
    first, later = exchange(), exchange(messages=[QUESTION, ANSWER, QUESTION])
    assert find_session(first) == find_session(later)
    assert begins_session(first) and not begins_session(later)
    named = exchange({"session_id": "s-1"})
    find_session(named)
    assert not begins_session(named)


def test_a_cache_key_tells_nothing_of_the_session() -> None:
    key = cache_key_of("user-name-1")
    assert key == cache_key_of("user-name-1") != cache_key_of("user-name-2")
    assert "user" not in key and len(key) == 32
    assert cache_key_of("\ud800")
