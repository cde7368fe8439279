"""Finds and sets a field of a multipart form (RFC 7578; RFC 2046, 5.1)."""

import re
from email.message import Message

_NAME = re.compile(rb'content-disposition\s*:[^\r\n]*?;\s*name="?([^";\r\n]*)"?', re.IGNORECASE)
_IS_FILE = re.compile(rb"content-disposition\s*:[^\r\n]*;\s*filename\*?=", re.IGNORECASE)
_MOST_PARTS = 256
_LONGEST_HEAD = 8192


def find_field(body: bytes, content_type: str, name: str) -> tuple[int, int] | None:
    """Return where the value of the form's first field of this name begins and ends in `body`.

    None where the content type is no form's, there is no such field, or it is a file. The form is
    not copied, however long its files are.
    """
    boundary = boundary_of(content_type)
    if boundary is None:
        return None
    mark = b"--" + boundary
    at = 0 if body.startswith(mark) else body.find(b"\r\n" + mark)
    for _ in range(_MOST_PARTS):
        if at < 0:
            return None
        begins = body.find(mark, at) + len(mark)
        ends = body.find(b"\r\n" + mark, begins)
        if ends < 0 or body.startswith(b"--", begins):
            return None
        head_ends = body.find(b"\r\n\r\n", begins, begins + _LONGEST_HEAD)
        if 0 <= head_ends < ends and _is_named(body[begins:head_ends], name):
            return head_ends + 4, ends
        at = ends
    return None


def with_field(body: bytes, content_type: str, name: str, value: str) -> bytes:
    """Return the form with this value of a field, which is put in front where there is none.

    A body that is no form stays as it is.
    """
    boundary = boundary_of(content_type)
    if boundary is None:
        return body
    if (place := find_field(body, content_type, name)) is not None:
        return body[: place[0]] + value.encode() + body[place[1] :]
    head = f'Content-Disposition: form-data; name="{name}"'
    return b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, head.encode(), value.encode()) + body


def boundary_of(content_type: str) -> bytes | None:
    """Return what stands between the parts of a form; None where the type is no form's."""
    if "multipart/form-data" not in content_type.lower():
        return None
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    return boundary.encode("latin-1", "replace") if isinstance(boundary, str) and boundary else None


def _is_named(head: bytes, name: str) -> bool:
    found = _NAME.search(head)
    return found is not None and found[1] == name.encode() and _IS_FILE.search(head) is None
