"""Answers to requests that go beyond a limit."""

import json

import pytest
from mitmproxy import http

from switchyard.exchange.refusing import refuse


def test_who_asked_for_a_head_gets_one_alone() -> None:
    """Over HTTP/1 a body would be read as the next answer; over HTTP/2 it is an error."""
    get, head = (
        refuse(http.Request.make(method, "http://us/v1/models"), 431, "Too many headers.")
        for method in ("GET", "HEAD")
    )
    assert get.raw_content and head.raw_content == b""
    assert head.headers["content-length"] == get.headers["content-length"] != "0"


@pytest.mark.parametrize("known", [True, False])
def test_others_are_told_what_is_too_much(known: bool) -> None:
    request = http.Request.make("POST", "http://us/v1/messages") if known else None
    told = json.loads(refuse(request, 413, "Too large.").raw_content or b"")
    assert told["error"]["message"] == "Too large."
