"""Has mitmweb's list of flows show routes: columns, and the width that comments need.

mitmweb gives its comments 150 pixels and its paths all the rest, whatever columns are chosen.
"""

from typing import Any

from mitmproxy import ctx

_COLUMNS = "web_columns"

STYLE = (
    b"<style>.flow-table .col-path{width:32%}"
    b".flow-table .col-comment{width:auto}"
    b".flow-table .col-status{width:56px}</style>"
)
_END_OF_HEAD = b"</head>"


def choose_columns() -> None:
    """Show the comment, which mitmweb leaves out, unless the user chose columns."""
    if _COLUMNS not in ctx.options or ctx.options.web_columns != ctx.options.default(_COLUMNS):
        return
    # The method is nearly always POST, and the size says little of a call.
    columns = [name for name in ctx.options.web_columns if name not in ("method", "size", "tls")]
    columns.insert(columns.index("path") + 1, "comment")
    ctx.options.update(web_columns=columns)


def widen_comments() -> None:
    """Have mitmweb's pages give comments the width that other columns leave; once for each app."""
    app = getattr(ctx.master, "app", None)
    transforms: list[Any] | None = getattr(app, "transforms", None)
    if transforms is None:
        return  # no mitmweb, or another one than is known
    transform = _transform()
    if not any(each.__name__ == transform.__name__ for each in transforms):
        transforms.insert(0, transform)  # before the one that compresses


def _transform() -> type[Any]:
    # mitmweb's own dependency: mitmdump need not load it.
    from tornado.httputil import HTTPHeaders
    from tornado.web import OutputTransform

    class WideComments(OutputTransform):
        """Adds `STYLE` to pages of HTML."""

        def transform_first_chunk(
            self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
        ) -> tuple[int, HTTPHeaders, bytes]:
            is_page = headers.get("Content-Type", "").startswith("text/html")
            if is_page and _END_OF_HEAD in chunk:
                chunk = chunk.replace(_END_OF_HEAD, STYLE + _END_OF_HEAD, 1)
                if "Content-Length" in headers:
                    headers["Content-Length"] = str(int(headers["Content-Length"]) + len(STYLE))
            return status_code, headers, chunk

    return WideComments
