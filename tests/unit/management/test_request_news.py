"""What requests did is told once, with rows of the last that ended, and the others counted."""

import pytest

from switchyard.exchange.exchange import Exchange
from switchyard.management import request_news
from switchyard.management.desk import Desk
from switchyard.management.request_news import MOST_ENDED
from switchyard.management.request_news import RequestNews
from switchyard.recording.request_record import Ending
from switchyard.wire.encoding.jsonio import JsonObject
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

ENDING = Ending(200, False, 2, None, 1.0, 1.0)


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime()


@pytest.fixture
def news(runtime: FakeRuntime) -> RequestNews:
    return Desk(runtime).news


def begun(runtime: FakeRuntime, news: RequestNews) -> Exchange:
    exchange = Pipeline(runtime).begin(call_flow(runtime))
    news.begin(exchange)
    return exchange


def told(news: RequestNews) -> list[tuple[str, JsonObject]]:
    return [(event.kind, event.data) for event in news.collect()]


def kinds(news: RequestNews) -> list[str]:
    return [kind for kind, _ in told(news)]


def test_a_request_is_told_from_its_begin_to_its_end(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    exchange = begun(runtime, news)
    [(kind, row)] = told(news)
    assert (kind, row["id"], row["state"]) == ("begun", str(exchange.id), "running")
    news.note_attempt(exchange)
    assert told(news) == [("tried", {"id": str(exchange.id), "route": ["no attempt"]})]
    news.end(exchange, ENDING)
    [(kind, row)] = told(news)
    assert (kind, row["id"], row["route"]) == ("ended", str(exchange.id), ["no attempt"])
    assert told(news) == []


def test_a_request_that_ended_before_it_was_told_is_told_once(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    exchange = begun(runtime, news)
    news.note_attempt(exchange)
    news.end(exchange, ENDING)
    assert kinds(news) == ["ended"]


def test_a_row_is_whole_although_its_exchange_was_released(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    pipeline, flow = Pipeline(runtime), call_flow(runtime)
    exchange = pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), reply())
    exchange.completed = True
    news.end(exchange, ENDING)
    exchange.release()
    [(_, row)] = told(news)
    [attempt] = row["tries"]
    assert row["route"] == ["chat ok"] and row["provider"] == attempt["provider"] == "chat"
    assert attempt["outcome"] == "ok" and row["state"] == "complete"
    assert exchange.tries == (), "nothing of it stays in memory"


def test_of_many_that_end_the_others_are_counted(runtime: FakeRuntime, news: RequestNews) -> None:
    known = begun(runtime, news)
    news.collect()
    exchanges = [known, *(begun(runtime, news) for _ in range(2 * MOST_ENDED))]
    for exchange in exchanges:
        news.end(exchange, ENDING)
    (kind, counted), *rows = told(news)
    assert kind == "skipped"
    assert counted == {"count": MOST_ENDED + 1, "ids": [str(known.id)]}
    assert [row["id"] for _, row in rows] == [str(one.id) for one in exchanges[-MOST_ENDED:]]
    assert told(news) == []


def test_who_is_in_a_snapshot_is_known(runtime: FakeRuntime, news: RequestNews) -> None:
    exchange = begun(runtime, news)
    assert [row["id"] for row in news.tell([exchange])] == [str(exchange.id)]
    for one in (exchange, *(begun(runtime, news) for _ in range(MOST_ENDED))):
        news.end(one, ENDING)
    assert told(news)[0] == ("skipped", {"count": 1, "ids": [str(exchange.id)]})


def test_of_many_that_begin_the_others_follow(
    runtime: FakeRuntime, news: RequestNews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_news, "MOST_BEGUN", 2)
    exchanges = [begun(runtime, news) for _ in range(4)]
    assert kinds(news) == ["begun", "begun"]
    news.note_attempt(exchanges[2])
    news.end(exchanges[3], ENDING)
    assert kinds(news) == ["begun", "ended"]
