"""The project that a request belongs to, as its client says."""

from urllib.parse import unquote

from mitmproxy import http

PROJECT = "x-switchyard-project"
"""The header that names it."""

PREFIX = b"/p/"
"""How paths at the router's own address begin that name it: `/p/NAME/v1/messages`."""


def take_from_path(request: http.Request) -> None:
    """Move the project that a path names to the header, so that the path is that of the call.

    A header that the client sent goes before it.
    """
    path = request.data.path
    name, slash, rest = path.removeprefix(PREFIX).partition(b"/")
    if not path.startswith(PREFIX) or not name or b"?" in name:
        return
    request.data.path = slash + rest or b"/"
    if PROJECT not in request.headers:
        request.headers[PROJECT] = unquote(name.decode("utf-8", "replace"))
