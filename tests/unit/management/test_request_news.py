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


def begun(runtime: FakeRuntime) -> Exchange:
    return Pipeline(runtime).begin(call_flow(runtime))


def end(runtime: FakeRuntime, news: RequestNews, exchange: Exchange) -> None:
    news.end(exchange, ENDING)
    runtime.exchanges.end(exchange.call.flow)


def told(news: RequestNews) -> list[tuple[str, JsonObject]]:
    return [(event.kind, event.data) for event in news.collect()]


def kinds(news: RequestNews) -> list[str]:
    return [kind for kind, _ in told(news)]


def test_a_request_is_told_from_its_begin_to_its_end(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    exchange = begun(runtime)
    [(kind, row)] = told(news)
    assert (kind, row["id"], row["state"]) == ("begun", str(exchange.id), "running")
    news.note_attempt(exchange)
    assert told(news) == [("tried", {"id": str(exchange.id), "route": ["no attempt"]})]
    end(runtime, news, exchange)
    [(kind, row)] = told(news)
    assert (kind, row["id"], row["route"]) == ("ended", str(exchange.id), ["no attempt"])
    assert told(news) == []


def test_a_request_that_ended_before_it_was_told_is_told_once(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    exchange = begun(runtime)
    news.note_attempt(exchange)
    end(runtime, news, exchange)
    assert kinds(news) == ["ended"]


def test_a_row_is_whole_although_its_exchange_was_released(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    pipeline, flow = Pipeline(runtime), call_flow(runtime)
    exchange = pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), reply())
    exchange.completed = True
    end(runtime, news, exchange)
    [(_, row)] = told(news)
    [attempt] = row["tries"]
    assert row["route"] == ["chat ok"] and row["provider"] == attempt["provider"] == "chat"
    assert attempt["outcome"] == "ok" and row["state"] == "complete"
    assert exchange.tries == (), "nothing of it stays in memory"


def test_of_many_that_end_the_others_are_counted(runtime: FakeRuntime, news: RequestNews) -> None:
    known = begun(runtime)
    news.collect()
    exchanges = [known, *(begun(runtime) for _ in range(2 * MOST_ENDED))]
    for exchange in exchanges:
        end(runtime, news, exchange)
    (kind, counted), *rows = told(news)
    assert kind == "skipped"
    assert counted == {"count": MOST_ENDED + 1, "ids": [str(known.id)]}
    assert [row["id"] for _, row in rows] == [str(one.id) for one in exchanges[-MOST_ENDED:]]
    assert told(news) == []


def test_who_is_in_a_snapshot_is_known(runtime: FakeRuntime, news: RequestNews) -> None:
    exchange = begun(runtime)
    assert [row["id"] for row in news.tell([exchange])] == [str(exchange.id)]
    for one in (exchange, *(begun(runtime) for _ in range(MOST_ENDED))):
        end(runtime, news, one)
    assert told(news)[0] == ("skipped", {"count": 1, "ids": [str(exchange.id)]})
    assert told(news) == []


def test_what_runs_when_the_first_reader_comes_is_in_its_snapshot_alone(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    exchange = begun(runtime)
    news.start()
    assert told(news) == []
    end(runtime, news, exchange)
    assert kinds(news) == ["ended"]


def test_what_one_snapshot_had_is_told_to_all_others(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    news.start()
    exchange = begun(runtime)
    news.tell([exchange])
    assert kinds(news) == ["begun"]
    assert told(news) == []


def test_a_request_whose_hooks_wait_for_others_is_told_once(
    runtime: FakeRuntime, news: RequestNews
) -> None:
    exchange = begun(runtime)
    news.end(exchange, ENDING)
    assert kinds(news) == ["ended"]
    runtime.exchanges.end(exchange.call.flow)
    assert told(news) == []


def test_progress_has_what_moved_alone(runtime: FakeRuntime, news: RequestNews) -> None:
    pipeline, flows = Pipeline(runtime), [call_flow(runtime) for _ in range(2)]
    first, second = map(pipeline.begin, flows)
    assert news.progress([first, second]) == [], "they are about to be told as begun"
    news.collect()
    assert news.progress([first, second]) == []
    pipeline.answer(pipeline.attempt(flows[1]), reply())
    [row] = news.progress([first, second])
    assert (row["id"], row["attempts"]) == (str(second.id), 1)
    assert news.progress([first, second]) == []


def test_of_many_that_begin_the_others_follow(
    runtime: FakeRuntime, news: RequestNews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_news, "MOST_BEGUN", 2)
    exchanges = [begun(runtime) for _ in range(4)]
    assert kinds(news) == ["begun", "begun"]
    news.note_attempt(exchanges[2])
    end(runtime, news, exchanges[3])
    assert kinds(news) == ["begun", "ended"]
