"""Projects in the path of a request."""

import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from switchyard.exchange.project import PROJECT
from switchyard.exchange.project import take_from_path


def request(path: str, **headers: str) -> http.Request:
    made = tutils.treq(path=path.encode(), headers=http.Headers())
    for name, value in headers.items():
        made.headers[name.replace("_", "-")] = value
    return made


@pytest.mark.parametrize(
    ("path", "left", "project"),
    [
        ("/p/yard/v1/messages", "/v1/messages", "yard"),
        ("/p/my%20yard/v1/messages?beta=true", "/v1/messages?beta=true", "my yard"),
        ("/p/yard", "/", "yard"),
        ("/p/yard/", "/", "yard"),
        ("/p//v1/messages", "/p//v1/messages", None),
        ("/p/?x/y", "/p/?x/y", None),
        ("/v1/p/yard", "/v1/p/yard", None),
        ("/p/%ff/x", "/x", "\ufffd"),
    ],
)
def test_paths(path: str, left: str, project: str | None) -> None:
    made = request(path)
    take_from_path(made)
    assert (made.path, made.headers.get(PROJECT)) == (left, project)


def test_the_header_goes_first() -> None:
    made = request("/p/yard/v1/messages", x_switchyard_project="shed")
    take_from_path(made)
    assert (made.path, made.headers[PROJECT]) == ("/v1/messages", "shed")
