"""Messages that are made at once are those that mitmproxy makes step by step."""

import time

from mitmproxy import http

from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.http_messages import make_request
from switchyard.exchange.http_messages import make_response
from tests.support.proportion import least_growth


def test_a_request() -> None:
    made = make_request("https://api.example:8443/v1/x?y=z", {"x-a": "1", "x-b": "ü"}, b"{}")
    step_by_step = http.Request.make("POST", "https://api.example:8443/v1/x?y=z", b"{}")
    assert made.url == step_by_step.url and made.pretty_url == step_by_step.pretty_url
    assert made.headers["host"] == "api.example:8443"
    assert made.headers["content-length"] == "2"
    assert made.headers["x-b"] == "ü" and made.content == b"{}"
    assert (made.http_version, made.method, made.authority) == ("HTTP/1.1", "POST", "")


def test_a_header_of_the_same_name_takes_the_place() -> None:
    made = make_request("http://a/", {"host": "b"}, b"")
    assert made.headers.get_all("host") == ["b"]


def test_an_answer_and_the_head_of_one() -> None:
    headers = [("content-type", "text/plain"), ("x-a", "1"), ("x-a", "2")]
    whole, head = make_response(200, headers, b"abc"), make_response(200, headers, None)
    assert (whole.status_code, whole.reason, whole.content) == (200, "OK", b"abc")
    assert whole.headers["content-length"] == "3" and "content-length" not in head.headers
    assert head.headers.get_all("x-a") == ["2"]


def test_headers_in_lower_case() -> None:
    headers = http.Headers([(b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"\xff")])
    assert lower_items(headers) == {"x-a": "1, 2", "b": "\udcff"}


def test_equal_headers_take_time_by_their_number() -> None:
    def seconds(number: int) -> float:
        headers = http.Headers([(b"x-a", b"1234567890")] * number)
        began = time.process_time()
        assert len(lower_items(headers)["x-a"]) == 12 * number - 2
        return time.process_time() - began

    assert least_growth(seconds, 20_000, 160_000, below=32) < 32
