"""Reads one exchange back from the exchange log: its facts, its messages, its conversation."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import http

from switchyard.exchange.endpoints import find_foreign_endpoint
from switchyard.recording.export import REQUEST_ID
from switchyard.recording.export import folder_of
from switchyard.transcript.transcript import read_answer
from switchyard.transcript.transcript import read_request
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.format import Endpoint

_MESSAGE = re.compile(r"(?:client|attempt-\d{1,4})-(?:request|response|error)")
_FACTS = "exchange.json"
_HEADS = (".http", ".txt")
_WHATS = ("request", "response", "error")


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One message of an exchange as the log keeps it."""

    name: str
    """`client-request`, `attempt-1-response` and the like."""
    head: str
    size: int | None
    """Bytes of its body; None where none is kept."""
    conversation: str
    """Its body as people read it; empty where it is no call of a model."""


@dataclass(frozen=True, slots=True)
class KeptExchange:
    """All that the log has of one exchange."""

    facts: JsonObject
    messages: tuple[KeptMessage, ...]


def find_exchange(log: Path, started: float, request: str) -> Path | None:
    """Return the folder of a request by when it began (Unix seconds) and its id; None without one.

    Blocks on the disk.
    """
    named = folder_of(started, "*")
    found = (one for one in sorted(log.glob(named)) if _facts(one).get(REQUEST_ID) == request)
    return next(found, None)


def read_exchange(folder: Path) -> KeptExchange:
    """Return what a folder of the log has, with each body as a conversation. Raises OSError."""
    endpoint: dict[str, Endpoint | None] = {}
    messages = []
    for name in _names(folder):
        who, _, what = name.rpartition("-")
        head, body = _head(folder, name), read_kept_body(folder, name)
        if what == "request":
            endpoint[who] = _endpoint(head)
        called = endpoint.get(who)
        text = _conversation(what, head, body, called) if body is not None and called else ""
        messages.append(KeptMessage(name, head, None if body is None else len(body), text))
    return KeptExchange(_facts(folder), tuple(messages))


def read_kept_body(folder: Path, name: str) -> bytes | None:
    """Return the body of a message; None where the log has none. Raises OSError."""
    if _MESSAGE.fullmatch(name) is None:
        return None
    for path in sorted(folder.glob(f"{name}.*")):
        if path.suffix != ".http" and not name.endswith("-error"):
            return _read(path)
    return None


def _names(folder: Path) -> list[str]:
    """The messages of a folder in the order of the exchange: the client's, then each attempt's."""
    found = {path.stem for path in folder.iterdir() if path.suffix in _HEADS}
    return sorted((one for one in found if _MESSAGE.fullmatch(one)), key=_place)


def _place(name: str) -> tuple[int, int]:
    who, _, what = name.rpartition("-")
    number = who.removeprefix("attempt-")
    return int(number) if number.isdecimal() else 0, _WHATS.index(what)


def _head(folder: Path, name: str) -> str:
    ending = ".txt" if name.endswith("-error") else ".http"
    return _read(folder / f"{name}{ending}").decode("utf-8", "replace")


def _facts(folder: Path) -> JsonObject:
    try:
        return loads_object(_read(folder / _FACTS)) or {}
    except OSError:
        return {}  # removed meanwhile, or not of the log


def _endpoint(head: str) -> Endpoint | None:
    """The endpoint that a request's first line names; None where it is no call of a model."""
    method, _, rest = head.partition("\n")[0].partition(" ")
    try:
        request = http.Request.make(method, rest.rpartition(" ")[0])
    except ValueError:
        return None
    return find_foreign_endpoint(request)


def _conversation(what: str, head: str, body: bytes, called: Endpoint) -> str:
    if what == "request":
        if called.kind not in ("generate", "count"):
            return ""
        return read_request(called.format, body, called.model, called.stream)
    if called.kind != "generate":
        return ""
    words = head.split(" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdecimal() else 200
    return read_answer(called.format, body, status)


def _read(path: Path) -> bytes:
    """The content of a regular file; links are not followed."""
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(f"{path} is no regular file")
        return file.read()
