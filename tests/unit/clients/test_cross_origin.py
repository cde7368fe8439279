"""What answers tell a browser about the pages that may read them."""

import pytest
from mitmproxy import http

from switchyard.clients.cross_origin import allowed_origin
from switchyard.clients.cross_origin import is_preflight
from switchyard.clients.cross_origin import open_to
from switchyard.clients.cross_origin import preflight_answer

APP = "https://app.example"


def preflight(**more: str) -> http.Request:
    request = http.Request.make("OPTIONS", "http://localhost/v1/messages")
    request.headers["origin"] = APP
    request.headers["access-control-request-method"] = "POST"
    for name, value in more.items():
        request.headers[name.replace("_", "-")] = value
    return request


@pytest.mark.parametrize(
    ("origin", "origins", "allowed"),
    [
        (APP, (APP,), APP),
        (APP, (APP, "*"), APP),
        (APP, ("*",), "*"),
        ("null", (APP,), None),
        ("null", ("*",), "*"),
        ("*", ("*",), "*"),
        ("https://app.example.evil", (APP,), None),
        ("http://app.example", (APP,), None),
        ("https://APP.example", (APP,), None),
        (f"{APP}:8443", (APP,), None),
        (f"{APP}, {APP}", (APP,), None),
        (None, (APP, "*"), None),
    ],
)
def test_an_origin_is_allowed_as_a_whole(
    origin: str | None, origins: tuple[str, ...], allowed: str | None
) -> None:
    assert allowed_origin(origin, origins) == allowed


def test_a_preflight_has_a_method_and_an_origin() -> None:
    assert is_preflight(preflight())
    other = preflight()
    del other.headers["origin"]
    assert not is_preflight(other)
    other = preflight()
    other.method = "POST"
    assert not is_preflight(other)


def test_what_a_page_asks_for_is_repeated_by_name() -> None:
    answer = preflight_answer(
        preflight(access_control_request_headers="authorization, X-Stainless-OS"), APP
    )
    assert answer.status_code == 204 and not answer.content
    assert answer.headers["access-control-allow-headers"] == "authorization, X-Stainless-OS"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("named", ["a b", "x: y", "a,\x00", "", "a" * 5000, "a,,b"])
def test_what_is_no_list_of_names_is_not_repeated(named: str) -> None:
    answer = preflight_answer(preflight(access_control_request_headers=named), APP)
    assert "access-control-allow-headers" not in answer.headers


def test_only_a_named_origin_reaches_a_private_network() -> None:
    request = preflight(access_control_request_private_network="true")
    name = "access-control-allow-private-network"
    assert preflight_answer(request, APP).headers[name] == "true"
    assert name not in preflight_answer(request, "*").headers


def test_an_answer_names_the_origin_and_never_credentials() -> None:
    answer = http.Response.make(
        200, b"", {"Access-Control-Allow-Origin": "*", "vary": "Accept-Encoding"}
    )
    open_to(answer, APP, (APP,))
    assert answer.headers.get_all("access-control-allow-origin") == [APP]
    assert answer.headers["vary"] == "Accept-Encoding, Origin"
    assert "access-control-allow-credentials" not in answer.headers


def test_an_answer_for_no_page_says_only_that_it_differs() -> None:
    answer = http.Response.make(200, b"", {"access-control-allow-origin": "https://else.example"})
    open_to(answer, None, (APP,))
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"


def test_an_answer_for_every_page_is_the_same_for_all() -> None:
    answer = http.Response.make(200)
    open_to(answer, "*", ("*",))
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers
