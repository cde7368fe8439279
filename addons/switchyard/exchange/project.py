"""The project that a client assigns its request to."""

from urllib.parse import unquote

from mitmproxy import http

PROJECT = "x-switchyard-project"
"""The header that names the project."""

PREFIX = b"/p/"
"""Start of paths at the router's own address that name it: `/p/NAME/v1/messages`."""


def take_from_path(request: http.Request) -> None:
    """Moves the project in a path to the header, so that the path is that of the call.

    A header that the client sent takes precedence.
    """
    path = request.data.path
    name, slash, rest = path.removeprefix(PREFIX).partition(b"/")
    if not path.startswith(PREFIX) or not name or b"?" in name:
        return
    request.data.path = slash + rest or b"/"
    if PROJECT not in request.headers:
        request.headers[PROJECT] = unquote(name.decode("utf-8", "replace"))
