"""Turns one exchange into files: every message of it, attempt by attempt."""

import os
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from pathlib import Path

from mitmproxy import http

from switchyard.exchange.secrets import NOTHING
from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.metadata import FACTS
from switchyard.redaction.concealing import Concealer
from switchyard.redaction.headers import mask_credentials
from switchyard.redaction.headers import mask_headers
from switchyard.redaction.text import one_line
from switchyard.usage.prices import cost_facts
from switchyard.usage.prices import cost_of_call
from switchyard.wire.encoding.content_coding import CorruptEncoding
from switchyard.wire.encoding.content_coding import UnknownEncoding
from switchyard.wire.encoding.content_coding import decode_whole
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps

REQUEST_ID = "request-id"
"""The member of `exchange.json` with the id that records and responses have."""
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
UNFINISHED = ".part-"
"""How the name of a folder begins that is still being written."""

_ENDINGS = {
    "application/json": ".json",
    "application/problem+json": ".json",
    "text/event-stream": ".sse",
    "application/x-ndjson": ".ndjson",
    "text/html": ".html",
    "text/plain": ".txt",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an exchange."""

    name: str
    """What its files are called, without ending."""
    head: str
    body: bytes | None
    kind: str
    """Content type, without parameters."""
    encoding: str
    """Content encoding that the body still has."""


@dataclass(frozen=True, slots=True)
class ExchangeExport:
    """All of an exchange, ready to be written by another thread."""

    id: str
    begun: float
    """Unix seconds."""
    facts: JsonObject
    messages: tuple[Message, ...]
    secrets: Concealer = NOTHING
    """What is taken out when it is written."""

    @property
    def size(self) -> int:
        """Bytes it holds in memory, about."""
        return sum(len(message.head) + len(message.body or b"") for message in self.messages)

    @property
    def folder(self) -> str:
        """The name of its folder; names sort by time, which is UTC."""
        return folder_of(self.begun, self.id[:8])


def folder_of(begun: float, short_id: str) -> str:
    """What the folder of an exchange is called that began at a moment, in Unix seconds."""
    return f"{moment(begun):%Y%m%dT%H%M%S.%f}"[:-3] + f"Z-{short_id}"


def export_of(
    call: http.HTTPFlow,
    attempts: Sequence[http.HTTPFlow],
    secrets: Concealer = NOTHING,
    request_id: str | None = None,
) -> ExchangeExport:
    """The account of a call and its attempts, in their order.

    `request_id` is the id that the request has in records, the log and the response's header.
    """
    named: JsonObject = {REQUEST_ID: request_id} if request_id else {}
    messages = [*_said("client", call)]
    entries = []
    for attempt in attempts:
        number = attempt.metadata.get(ATTEMPT, len(entries) + 1)
        messages += _said(f"attempt-{number}", attempt)
        entries.append({"number": number, **_facts(attempt)})
    return ExchangeExport(
        id=call.id,
        begun=call.request.timestamp_start,
        facts={"id": call.id, **named, **_facts(call), "attempts": entries},
        messages=tuple(messages),
        secrets=secrets,
    )


def write_export(account: ExchangeExport, parent: Path, bodies: bool = True) -> tuple[Path, int]:
    """Write an export into a new folder below `parent`; return folder and bytes.

    The folder gets its name once it is complete; a failed one leaves nothing. Raises OSError.
    """
    parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    folder = parent / account.folder
    unfinished = parent / f"{UNFINISHED}{account.folder}"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        size = _write_files(account, unfinished, bodies)
        if folder.exists():
            shutil.rmtree(folder)  # the same exchange, written before
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder, size


def _write_files(account: ExchangeExport, folder: Path, bodies: bool) -> int:
    folder.mkdir(mode=PRIVATE_FOLDER)
    size = 0
    for name, content in _files(account, bodies):
        size += len(content)
        opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
    return size


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _files(account: ExchangeExport, bodies: bool) -> Iterator[tuple[str, bytes]]:
    secrets = account.secrets
    facts = {**account.facts, **cost_facts(cost_of_call(account.facts, account.begun))}
    yield "exchange.json", dumps(secrets.said(facts)) + b"\n"
    for message in account.messages:
        head = secrets.text(message.head)
        ending = ".txt" if message.name.endswith("-error") else ".http"
        yield f"{message.name}{ending}", head.encode("utf-8", "surrogateescape")
        if bodies and message.body:
            body, ending = _plain(message)
            yield f"{message.name}{ending}", secrets.data(body)


def _plain(message: Message) -> tuple[bytes, str]:
    """A body without its content encoding, and the ending of its file's name."""
    assert message.body is not None
    ending = _ENDINGS.get(message.kind, ".bin")
    if not message.encoding:
        return message.body, ending
    try:
        return decode_whole(message.body, message.encoding), ending
    except (CorruptEncoding, UnknownEncoding):
        return message.body, ".bin"


def _said(who: str, flow: http.HTTPFlow) -> Iterator[Message]:
    request, response = flow.request, flow.response
    first = f"{request.method} {_url(request)} {request.http_version}"
    yield _message(f"{who}-request", first, request)
    if response is not None:
        first = f"{response.http_version} {response.status_code} {response.reason}".rstrip()
        yield _message(f"{who}-response", first, response)
    if flow.error is not None:
        yield Message(f"{who}-error", one_line(flow.error.msg) + "\n", None, "", "")


def _message(name: str, first: str, message: http.Message) -> Message:
    masked = mask_headers(message.headers, NOTHING)
    lines = [first, *(f"{key}: {value}" for key, value in masked.items(multi=True))]
    lines = [one_line(line) for line in lines]
    return Message(
        name=name,
        head="\n".join(lines) + "\n",
        body=message.raw_content,
        kind=message.headers.get("content-type", "").partition(";")[0].strip().lower(),
        encoding=message.headers.get("content-encoding", ""),
    )


def _url(request: http.Request) -> str:
    """The URL without a key in its query, whichever request it is."""
    if "?" not in request.path:
        return request.url
    masked = http.Request.make(request.method, request.url)
    mask_credentials(masked)
    return masked.url


def _facts(flow: http.HTTPFlow) -> JsonObject:
    request, response, error = flow.request, flow.response, flow.error
    ended = response.timestamp_end if response is not None else None
    if ended is None and error is not None:
        ended = error.timestamp
    began = request.timestamp_start
    return {
        "url": _url(request),
        "begun": moment(began).isoformat(),
        "seconds": round(ended - began, 3) if ended is not None else None,
        "status": response.status_code if response is not None else None,
        "error": error.msg if error is not None else None,
        "comment": flow.comment,
        **flow.metadata.get(FACTS, {}),
    }
