"""Headers and options in their light form do what mitmproxy's do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import options
from mitmproxy.http import Headers
from mitmproxy.http import Request

from addons.engine import messages

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
                (messages._get, Headers.get),
                (messages._get_all, Headers.get_all),
                (messages._contains, Headers.__contains__),
            ):
                assert light(headers, each) == own(headers, each)
        assert messages._get(headers, "none", 5) == 5
        with pytest.raises(KeyError):
            messages._getitem(headers, "none")


def test_a_copy_has_an_index_of_its_own() -> None:
    request = Request.make("GET", "http://a/", headers={"x": "1"})
    assert messages._get(request.headers, "x") == "1"
    copy = request.copy()
    copy.headers["x"] = "2"
    assert (messages._get(request.headers, "x"), messages._get(copy.headers, "x")) == ("1", "2")


def test_options_that_can_be_changed_are_copied() -> None:
    opts = options.Options()
    for option in opts._options.values():
        value = messages._current(option)
        assert value == option.current()
        if not isinstance(value, bool | int | str | None):
            assert messages._current(option) is not value
