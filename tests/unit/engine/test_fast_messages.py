"""Headers and options in their light form do what mitmproxy's do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import options
from mitmproxy.http import Headers
from mitmproxy.http import Request
from mitmproxy.http import Response
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.test import tflow

from switchyard.engine import fast_messages

names = st.sampled_from([b"A", b"a", b"b", b"X-Y", b"x-y", b"\xff"])
changes = st.lists(
    st.tuples(st.sampled_from(["add", "set", "delete"]), names, st.binary(max_size=3)), max_size=6
)


@given(fields=st.lists(st.tuples(names, st.binary(max_size=3)), max_size=6), steps=changes)
def test_the_index_follows_every_change(fields: Any, steps: Any) -> None:
    headers = Headers(fields)
    for what, name, value in [("", b"a", b""), *steps]:
        if what == "add":
            headers.add(name, value)
        elif what == "set":
            headers[name] = value
        elif what == "delete":
            headers.pop(name, None)
        for each in (b"A", "a", "x-Y", b"none", b"\xff", "\udcff"):
            for light, own in (
                (fast_messages._get, Headers.get),
                (fast_messages._get_all, Headers.get_all),
                (fast_messages._contains, Headers.__contains__),
            ):
                assert light(headers, each) == own(headers, each)
        assert fast_messages._get(headers, "none", 5) == 5
        with pytest.raises(KeyError):
            fast_messages._getitem(headers, "none")


def test_a_copy_has_an_index_of_its_own() -> None:
    request = Request.make("GET", "http://a/", headers={"x": "1"})
    assert fast_messages._get(request.headers, "x") == "1"
    copy = request.copy()
    copy.headers["x"] = "2"
    assert (fast_messages._get(request.headers, "x"), fast_messages._get(copy.headers, "x")) == (
        "1",
        "2",
    )


def test_options_that_can_be_changed_are_copied() -> None:
    opts = options.Options()
    with pytest.raises(AttributeError, match="No such option: none"):
        fast_messages._option(opts, "none")
    for option in opts._options.values():
        found = fast_messages._option(opts, option.name)
        assert found == option.current()
        value = fast_messages._current(option)
        assert value == option.current()
        if not isinstance(value, bool | int | str | None):
            assert fast_messages._current(option) is not value


lengths = st.lists(
    st.sampled_from(
        [b"0", b"7", b"12", b"012", b"", b"+3", b"1, 1", b"x", b" 4", b"\xb2", b"1" * 5000]
    ),
    max_size=2,
)
codings = st.sampled_from([None, b"chunked", b"gzip", b"identity", b"odd"])
wishes = st.lists(
    st.sampled_from([b"keep-alive", b"Keep-Alive", b"close", b"keep-alive, close", b"te"]),
    max_size=2,
)


def outcome(of: Any, *args: Any) -> Any:
    try:
        return of(*args)
    except Exception as e:
        return type(e), str(e)


@given(
    lengths=lengths,
    coding=codings,
    method=st.sampled_from(["POST", "GET", "HEAD", "CONNECT", "post"]),
    status=st.sampled_from([None, 100, 200, 204, 304, 500]),
)
def test_the_length_of_a_body_is_what_mitmproxy_takes_it_for(
    lengths: list[bytes], coding: bytes | None, method: str, status: int | None
) -> None:
    fields = [(b"Content-Length", length) for length in lengths]
    fields += [(b"transfer-encoding", coding)] if coding is not None else []
    request = Request.make(method, "http://a/", headers=() if status else fields)
    request.headers.fields = () if status else tuple(fields)
    response = None
    if status is not None:
        response = Response.make(status)
        response.headers.fields = tuple(fields)
    own = outcome(fast_messages._body_size_with_care, request, response)
    assert outcome(fast_messages._body_size, request, response) == own


@given(
    lengths=lengths,
    coding=codings,
    name=st.sampled_from([b"X-y", b"x y", b"", b"a:", b"\xff", b"a" * 99, b"content-length\n"]),
)
def test_heads_are_checked_by_the_same_rules(
    lengths: list[bytes], coding: bytes | None, name: bytes
) -> None:
    fields = [(b"Content-Length", length) for length in lengths]
    fields += [(b"transfer-encoding", coding)] if coding is not None else []
    for several in (fields, [*fields, (name, b"1")]):
        request = Request.make("POST", "http://a/")
        request.headers.fields = tuple(several)
        own = outcome(fast_messages._validate_with_care, request)
        assert outcome(fast_messages._validate, request) == own


@given(wishes=wishes, version=st.sampled_from(["HTTP/1.0", "HTTP/1.1", b"HTTP/1.1", "HTTP/2.0"]))
def test_a_connection_ends_when_mitmproxy_ends_it(wishes: list[bytes], version: Any) -> None:
    headers = Headers([(b"Connection", wish) for wish in wishes])
    assert fast_messages._closes(version, headers) == fast_messages._closes_with_care(
        version, headers
    )


@pytest.mark.parametrize(
    "fields",
    [(), [(b"a", b"b")], ((b"a", b"b"),), [[b"a", b"b"]], [("a", b"b")], iter([(b"a", b"")])],
)
def test_headers_are_made_as_ever(fields: Any) -> None:
    def made(init: Any, given: Any, named: Any) -> Any:
        headers = Headers()
        init(headers, given, **named)
        return type(headers.fields), headers.fields

    fields = list(fields) if not isinstance(fields, tuple) else fields
    for named in ({}, {"x_y": "z"}):
        own = outcome(made, fast_messages._init_with_care, fields, named)
        assert outcome(made, fast_messages._init, fields, named) == own


def test_hooks_are_made_and_asked_as_ever() -> None:
    flow = tflow.tflow()
    hook = HttpRequestHook(flow)
    assert fast_messages._arguments(hook) == hook.args() == [flow]
    assert type(fast_messages._new(HttpRequestHook, flow)) is HttpRequestHook
    assert fast_messages._check_version(b"HTTP/1.0") is None
    with pytest.raises(ValueError, match="Unknown HTTP version"):
        fast_messages._check_version(b"HTTP/x")


def test_the_states_of_a_stream_are_wrapped() -> None:
    # Otherwise there is nothing to unwrap.
    assert getattr(HttpStream._handle_event, "__code__", None) is fast_messages._EXPECTING
