"""Headers of fields."""

from mitmproxy.http import Headers

from switchyard.protocols.header_fields import headers_of


def test_headers_are_those_that_mitmproxy_makes() -> None:
    fields = ((b"A", b"1"), (b"a", b"2"), (b"b", b"\xff"))
    made, own = headers_of(fields), Headers(fields)
    assert made == own and vars(made) == vars(own)
    assert made["a"] == "1, 2"
    made["c"] = "3"
    assert made.fields == (*fields, (b"c", b"3"))
