"""Normalises a request's path the way servers may read it."""

import re
from urllib.parse import unquote

_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~:@-][A-Za-z0-9_.~:@-]*)*/?")
"""Paths that have one reading, except for the case of their letters."""
_DEEPEST = 4
"""Layers of percent encoding that are undone; real clients write one."""
_SLASHES = re.compile(r"[/\\]+")
_AROUND = "".join(map(chr, range(0x21))) + "\x7f\x85\xa0"
"""White space and control characters, which some servers ignore around a segment."""


def plain_path(path: str) -> str | None:
    """Returns a request's path without its query, as a server may read it.

    Percent encoding is undone (RFC 3986, 2.1) and dot segments are resolved (5.2.4); parameters
    (3.3), empty segments, and white space or dots at a segment's end are removed. Letters keep
    their case. None if the path is encoded too many times to be read.
    """
    bare = path.partition("?")[0]
    if _PLAIN.fullmatch(bare) and "./" not in bare and not bare.endswith("."):
        return bare.rstrip("/")
    bare = bare.partition("#")[0]
    for _ in range(_DEEPEST):
        if (read := unquote(bare, errors="surrogateescape")) == bare:
            break
        bare = read
    else:
        return None
    kept: list[str] = []
    for segment in _SLASHES.split(bare):
        name = segment.partition(";")[0].strip(_AROUND)
        if name == "..":
            del kept[-1:]
        elif name := name.rstrip("." + _AROUND):
            kept.append(name)
    return "".join(f"/{segment}" for segment in kept)


def is_plain(path: str) -> bool:
    """Whether a request's path has one reading only."""
    return plain_path(path) == path.partition("?")[0].rstrip("/")
