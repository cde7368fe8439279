"""The columns of mitmweb's list, and the width of its comments."""

from types import SimpleNamespace

import pytest
from mitmproxy import ctx
from mitmproxy.test import taddons
from mitmproxy.tools.web.webaddons import WebAddon
from tornado.httputil import HTTPHeaders

from switchyard.recording.web_list import STYLE
from switchyard.recording.web_list import choose_columns
from switchyard.recording.web_list import widen_comments

PAGE = b"<html><head><link></head><body></body></html>"


def test_the_comment_is_shown_beside_the_path() -> None:
    with taddons.context(WebAddon()) as context:
        choose_columns()
        assert context.options.web_columns == ["icon", "path", "comment", "status", "time"]
        context.options.update(web_columns=["path", "size"])
        choose_columns()
        assert context.options.web_columns == ["path", "size"], "the user's own choice stays"
    with taddons.context():
        choose_columns()  # mitmdump has no such option


def transformed(app: SimpleNamespace, kind: str, content: bytes) -> tuple[bytes, str | None]:
    headers = HTTPHeaders({"Content-Type": kind, "Content-Length": str(len(content))})
    made = app.transforms[0](None)
    _, headers, chunk = made.transform_first_chunk(200, headers, content, True)
    return chunk, headers.get("Content-Length")


def test_pages_are_told_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    app = SimpleNamespace(transforms=[str])
    with taddons.context() as context:
        widen_comments()  # mitmdump has no app
        monkeypatch.setattr(context.master, "app", app, raising=False)
        assert ctx.master is context.master
        widen_comments()
        widen_comments()
    assert len(app.transforms) == 2 and app.transforms[1] is str
    page, length = transformed(app, "text/html; charset=UTF-8", PAGE)
    assert page == PAGE.replace(b"</head>", STYLE + b"</head>") and length == str(len(page))
    assert transformed(app, "application/json", PAGE) == (PAGE, str(len(PAGE)))
    assert transformed(app, "text/html", b"part") == (b"part", "4")
