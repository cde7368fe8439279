"""The state machine of one request over its attempts, without sockets."""

import pytest
from mitmproxy.proxy import events

from switchyard.failover.attempt import Timeouts
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.leaving import end_of_streams
from tests.unit.failover.answers import CHUNKED
from tests.unit.failover.answers import END
from tests.unit.failover.answers import REFUSAL
from tests.unit.failover.answers import Clock
from tests.unit.failover.answers import assert_let_go
from tests.unit.failover.answers import chunk
from tests.unit.failover.driver import Beats
from tests.unit.failover.driver import Driver
from tests.unit.failover.driver import Lines
from tests.unit.failover.driver import Resumable
from tests.unit.failover.driver import Satisfied
from tests.unit.failover.driver import Whole


def test_one_attempt_streams_as_it_comes() -> None:
    d = Driver([1]).request()
    assert bytes(d.sent[d.servers[0]]).startswith(b"POST /up HTTP/1.1\r\n")
    assert bytes(d.sent[d.servers[0]]).endswith(b"upstream body")
    d.says(CHUNKED + chunk(b"one\n"))
    assert d.answer == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
        + chunk(b"one\n")
    )
    d.says(chunk(b"two\n"))
    assert d.answer.endswith(chunk(b"two\n"))
    d.says(chunk(b"end\n") + END)
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert d.hooks == ["requestheaders", "request", "attempt", "responseheaders", "response"]
    assert d.client not in d.closed and d.servers[0] not in d.closed
    assert_let_go(d)


class Pieces(Lines):
    """A receiver that notes what it is given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def data(self, data: bytes) -> bytes:
        self.pieces.append(data)
        return super().data(data)


@pytest.mark.parametrize(
    ("rest", "pieces"),
    [
        (END, [b"three\nfour\n"]),
        (chunk(b"five\n")[:5], [b"three\nfour\n", b"fi"]),
        (b"", [b"three\nfour\n"]),
    ],
    ids=["end", "half", "nothing"],
)
def test_chunks_that_arrive_together_are_read_at_once(rest: bytes, pieces: list[bytes]) -> None:
    receiver = Pieces()
    d = Driver([1], lambda: receiver).request()
    two = chunk(b"two\n")
    d.says(CHUNKED + chunk(b"one\n")).says(two[:5])
    d.says(two[5:] + chunk(b"three\n") + chunk(b"four\n") + rest)
    assert receiver.pieces == [b"one\n", b"tw", b"o\n", *pieces]
    if rest == END:
        assert d.answer.endswith(two + chunk(b"three\nfour\n") + END)
        assert_let_go(d)


def test_an_error_behind_the_first_words_comes_behind_them() -> None:
    """Whether both arrive together or not."""
    receiver = Pieces()
    d = Driver([1], lambda: receiver).request()
    d.says(CHUNKED + chunk(b"one\n") + chunk(b"bad\n"))
    assert receiver.pieces[0] == b"one\n" and b"one\n" in d.answer


def test_an_upstream_is_left_when_the_receiver_has_heard_enough() -> None:
    d = Driver([1], Satisfied).request().says(CHUNKED + chunk(b"one\n"))
    d.says(chunk(b"enough\n"))
    assert d.answer.endswith(chunk(b"enough\n[ended]\n") + END)
    assert d.servers[0] in d.closed and d.client not in d.closed
    assert d.hooks == ["requestheaders", "request", "attempt", "responseheaders", "response"]
    assert_let_go(d)


def test_nothing_of_failed_attempts_reaches_the_client() -> None:
    d = Driver([1, 2, 3, 4, 5])
    d.refused = {1}
    d.request()
    d.says(REFUSAL)
    d.says(CHUNKED + chunk(b"bad\n"))
    d.says(CHUNKED + chunk(b"half a li")).closes()
    d.says(CHUNKED + chunk(b"good, the end\n") + END)
    assert d.answer.count(b"HTTP/1.1") == 1
    assert d.answer.endswith(chunk(b"good, the end\n") + END)
    assert [f.kind for f in d.failures] == ["connect", "answer", "answer", "reset"]
    assert d.hooks.count("response") == 1 and "error" not in d.hooks
    assert_let_go(d)


def test_all_fail() -> None:
    d = Driver([1]).request().says(REFUSAL)
    assert d.answer.startswith(b"HTTP/1.1 503") and d.answer.endswith(b"all out")
    assert_let_go(d)


def test_a_connection_is_used_again_by_the_next_attempt_and_the_next_request() -> None:
    d = Driver([1, 1, 1]).request().says(REFUSAL).says(CHUNKED + chunk(b"end\n") + END)
    assert len(d.servers) == 1
    d.request().says(CHUNKED + chunk(b"end\n") + END)
    assert len(d.servers) == 1
    assert d.answer.count(b"200 OK") == 2


def test_a_refused_server_is_tried_anew_by_the_next_request() -> None:
    d = Driver([1, 2])
    d.refused = {1}
    d.request().says(CHUNKED + chunk(b"end\n") + END)
    d.refused = set()
    d.plan = [1]
    d.request().says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.count(b"200 OK") == 2
    assert len(d.servers) == 3


def test_closed_connections_are_forgotten() -> None:
    d = Driver([1] * 20)
    for _ in range(20):
        d.request().says(CHUNKED + chunk(b"end\n") + END).closes()
    assert len(d.servers) == 20
    assert len(d.layer.connections) <= 3


def test_an_answer_cut_after_output_ends_cleanly_and_says_so() -> None:
    d = Driver([1, 2]).request().says(CHUNKED + chunk(b"one\n")).closes()
    assert d.answer.endswith(chunk(b"one\n") + chunk(b"[broken]\n") + END)
    assert d.failures == [] and len(d.servers) == 1
    assert d.hooks[-1] == "response"
    assert_let_go(d)


def test_a_whole_answer_is_sent_when_it_is_complete() -> None:
    d = Driver([1, 2], receiver=Whole).request()
    d.says(CHUNKED + chunk(b"wo")).closes()
    assert d.answer == b""
    d.says(CHUNKED + chunk(b"wo") + chunk(b"rd"))
    assert d.answer == b""
    d.says(END)
    assert b"content-length: 4\r\n" in d.answer and d.answer.endswith(b"\r\n\r\nWORD")
    assert_let_go(d)


def test_a_client_that_leaves_stops_the_upstream() -> None:
    d = Driver([1, 2]).request().says(CHUNKED + chunk(b"one\n"))
    d.hangs_up()
    assert d.servers[0] in d.closed
    assert d.hooks.count("error") == 1 and "response" not in d.hooks
    assert len(d.attempts) == 1
    assert_let_go(d)


def test_a_client_that_leaves_while_addons_think_ends_it() -> None:
    d = Driver([1, 2])

    def leave(hook) -> None:
        if hook.name == "attempt_ended":
            d.hangs_up()

    d.on_hook = leave
    d.request().says(REFUSAL)
    assert len(d.attempts) == 1
    assert d.hooks.count("error") == 1
    assert_let_go(d)


@pytest.mark.parametrize(
    ("phase", "before"),
    [
        ("first_byte", b""),
        ("first_output", CHUNKED),
        ("first_output", CHUNKED + chunk(b"handshake")),
    ],
)
def test_a_deadline_before_output_leads_to_the_next_attempt(
    phase: str, before: bytes, clock: Clock
) -> None:
    d = Driver([1, 2], timeouts=Timeouts(first_byte=2, first_output=5)).request()
    if before:
        d.says(before)
    clock.now += {"first_byte": 2.1, "first_output": 5.1}[phase]
    d.wake()
    assert [f.phase for f in d.failures] == [phase.replace("_", "-")]
    assert d.servers[0] in d.closed
    d.says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.endswith(chunk(b"end\n") + END)


def test_a_connection_that_takes_too_long_is_given_up(clock: Clock) -> None:
    d = Driver([1, 2], timeouts=Timeouts(connect=1))
    d.hold_connects = True
    d.request()
    clock.now += 1.1
    d.wake()
    assert [(f.kind, f.phase) for f in d.failures] == [("timeout", "connect")]
    d.finish_connect().says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.endswith(chunk(b"end\n") + END)


def test_a_stall_after_output_is_told_in_the_stream(clock: Clock) -> None:
    d = Driver([1, 2], timeouts=Timeouts(between_chunks=3)).request()
    d.says(CHUNKED + chunk(b"one\n"))
    clock.now += 2.9
    d.wake().says(chunk(b"two\n"))
    clock.now += 2.9
    d.wake()
    assert b"broken" not in d.answer
    clock.now += 0.2
    d.wake()
    assert d.answer.endswith(chunk(b"two\n") + chunk(b"[broken]\n") + END)
    assert d.servers[0] in d.closed
    assert_let_go(d)


class Pinged(Lines):
    """A line `ping` says nothing."""

    def data(self, data: bytes) -> bytes:
        self.progress += b"ping" not in data
        return super().data(data)


def test_a_stream_of_nothing_but_pings_is_stalled(clock: Clock) -> None:
    times = Timeouts(first_output=10, between_chunks=3)
    d = Driver([1], receiver=Pinged, timeouts=times).request().says(CHUNKED + chunk(b"one\n"))
    for line in (b"two\n", *[b"ping\n"] * 20):
        clock.now += 1.5
        d.says(chunk(line)).wake()
    assert b"two" in d.answer and d.answer.endswith(chunk(b"[broken]\n") + END)
    assert 6 <= d.answer.count(b"ping") < 20
    assert d.servers[0] in d.closed
    assert_let_go(d)


def test_pings_between_words_are_borne(clock: Clock) -> None:
    times = Timeouts(first_output=10, between_chunks=3)
    d = Driver([1], receiver=Pinged, timeouts=times).request().says(CHUNKED + chunk(b"one\n"))
    for line in (b"ping\n", b"ping\n", b"ping\n", b"word\n") * 8:
        clock.now += 2
        d.says(chunk(line)).wake()
    d.says(chunk(b"end\n") + END)
    assert b"broken" not in d.answer and d.answer.endswith(chunk(b"end\n") + END)
    assert_let_go(d)


def test_a_complete_answer_does_not_wait_for_its_upstream_to_close(clock: Clock) -> None:
    d = Driver([1]).request().says(CHUNKED + chunk(b"end\n"))
    assert not d.answer.endswith(END)
    clock.now += 1
    d.wake()
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert d.servers[0] in d.closed
    assert_let_go(d)


def test_timers_do_not_pile_up(clock: Clock) -> None:
    d = Driver([1] * 50)
    for _ in range(50):
        d.request().says(CHUNKED + chunk(b"end\n") + END)
        clock.now += 0.01
    assert len(d.timers) <= 3


def test_interim_responses_and_trailers_are_passed_over() -> None:
    d = Driver([1]).request()
    d.says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n")
    d.says(b"\r\n" + CHUNKED + chunk(b"end\n") + b"0\r\nx-trailer: 1\r\n\r\n")
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert d.failures == []


def test_trailers_of_a_request_are_passed_over() -> None:
    d = Driver([1, 1])
    head = b"POST /v1/x HTTP/1.1\r\nhost: us\r\ntransfer-encoding: chunked\r\n\r\n"
    d.feed(events.DataReceived(d.client, head + chunk(b"body") + b"0\r\nx-sum: 1\r\n\r\n"))
    d.says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.endswith(chunk(b"end\n") + END)
    d.request().says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.count(b"HTTP/1.1 200") == 2


def test_an_error_of_ours_while_reading_is_a_failed_attempt() -> None:
    class Broken(Lines):
        def data(self, data: bytes) -> bytes:
            raise RuntimeError("a bug")

    receivers = [Broken, Lines]
    d = Driver([1, 2], receiver=lambda: receivers.pop(0)()).request()
    d.says(CHUNKED + chunk(b"one\n"))
    d.says(CHUNKED + chunk(b"end\n") + END)
    assert [f.kind for f in d.failures] == ["reset"]
    assert d.answer.endswith(chunk(b"end\n") + END)


def test_a_flow_nobody_routed_is_not_forwarded() -> None:
    d = Driver([])
    d.on_hook = lambda hook: setattr(d, "routed", set())  # what is added there, nobody reads
    d.request()
    assert d.servers == []
    assert d.answer.startswith(b"HTTP/1.1 500")


def test_http_1_0_clients_get_a_body_that_ends_with_the_connection() -> None:
    d = Driver([1])
    head = b"POST /v1/x HTTP/1.0\r\nhost: us\r\ncontent-length: 1\r\n\r\nx"
    d.feed(events.DataReceived(d.client, head))
    d.says(CHUNKED + chunk(b"end\n") + END)
    assert b"chunked" not in d.answer and d.answer.endswith(b"\r\n\r\nend\n")
    assert d.client in d.closed


def test_an_attempt_can_be_put_off(clock: Clock) -> None:
    d = Driver([1])
    waits = [2.0]

    def put_off(hook) -> None:
        if hook.name == "attempt" and waits:
            hook.attempt.wait = waits.pop()

    d.on_hook = put_off
    d.request()
    assert d.servers == []
    clock.now += 2.1
    d.wake()
    assert [server.address for server in d.servers] == [("127.0.0.1", 1)]
    d.says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert_let_go(d)


def beating(d: Driver) -> Driver:
    d.heart = Beats()
    return d


def test_a_client_that_waits_is_shown_that_somebody_is_there(clock: Clock) -> None:
    d = beating(Driver([1, 2], timeouts=Timeouts(first_byte=100))).request()
    clock.now += 9.9
    d.wake()
    assert d.answer == b""
    clock.now += 0.2
    d.wake()
    assert d.answer.startswith(b"HTTP/1.1 200 OK") and d.answer.endswith(chunk(b"[beat]\n"))
    d.says(REFUSAL)
    clock.now += 3.1
    d.wake()
    assert d.answer.count(b"[beat]") == 2
    d.says(CHUNKED + chunk(b"one\n"))
    clock.now += 3.1
    d.wake()
    d.says(chunk(b"end\n") + END)
    assert d.answer.count(b"HTTP/1.1") == 1 and d.answer.count(b"[beat]") == 3
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert d.hooks.count("responseheaders") == 1
    assert_let_go(d)


def test_beats_go_on_while_a_connection_is_made(clock: Clock) -> None:
    d = beating(Driver([1], timeouts=Timeouts(connect=30)))
    d.hold_connects = True
    d.request()
    clock.now += 10.1
    d.wake()
    assert d.answer.endswith(chunk(b"[beat]\n"))
    d.finish_connect().says(CHUNKED + chunk(b"end\n") + END)
    assert d.answer.endswith(chunk(b"end\n") + END)
    assert_let_go(d)


def test_when_all_fail_after_a_beat_the_stream_says_so(clock: Clock) -> None:
    d = beating(Driver([1])).request()
    clock.now += 10.1
    d.wake().says(REFUSAL)
    assert d.answer.endswith(chunk(b"[closing all out]\n") + END)
    assert d.hooks[-1] == "response"
    assert_let_go(d)


def test_quick_answers_see_no_beat(clock: Clock) -> None:
    d = beating(Driver([1])).request().says(CHUNKED + chunk(b"end\n") + END)
    clock.now += 60
    d.wake()
    assert b"beat" not in d.answer


@pytest.mark.parametrize("answered", [False, True])
def test_every_attempt_has_its_total_time(answered: bool, clock: Clock) -> None:
    d = Driver([1, 2], timeouts=Timeouts(total=20, between_chunks=15)).request()
    for _ in range(2):
        clock.now += 10
        d.wake()
        if answered:
            d.says(CHUNKED + chunk(b"one\n") if not d.answer else chunk(b"more\n"))
    clock.now += 0.1
    d.wake()
    if answered:
        assert d.answer.endswith(chunk(b"[broken]\n") + END)
        return
    assert [f.phase for f in d.failures] == ["total"]
    clock.now += 20.1
    d.wake()
    assert [f.phase for f in d.failures] == ["total", "total"]
    assert d.answer.endswith(b"all out")
    assert_let_go(d)


def test_an_answer_that_broke_off_is_gone_on_with() -> None:
    d = Driver([1, 2, 3], receiver=Resumable).request()
    d.says(CHUNKED + chunk(b"one\n")).closes()
    assert len(d.servers) == 2
    d.says(REFUSAL)
    d.says(CHUNKED + chunk(b"two, the end\n") + END)
    assert d.answer.count(b"HTTP/1.1") == 1
    assert d.answer.endswith(chunk(b"one\n") + chunk(b"two, the end\n") + END)
    assert [f.kind for f in d.failures] == ["reset", "answer"]
    assert d.hooks.count("responseheaders") == 1 and d.hooks[-1] == "response"
    assert_let_go(d)


def test_an_answer_that_nobody_goes_on_with_says_so() -> None:
    d = Driver([1, 2], receiver=Resumable).request()
    d.says(CHUNKED + chunk(b"one\n")).closes()
    d.says(REFUSAL)
    assert d.answer.endswith(chunk(b"one\n") + chunk(b"[closed]\n") + END)
    assert_let_go(d)


def test_a_timer_that_fires_after_the_streams_were_stopped_is_nobodys() -> None:
    """It ended the connection, with a traceback in the log, while the process ended."""
    driver = Driver([1], timeouts=Timeouts(total=9)).request()
    assert isinstance(driver.layer, FailoverLayer)
    waker = end_of_streams(driver.layer)
    assert waker is not None and waker.command in driver.timers
    driver.feed(waker)
    driver.wake()
