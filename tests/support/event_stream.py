"""Writes AWS' event stream framing, as Amazon Bedrock does."""

import base64
import json
import struct
import zlib
from collections.abc import Iterable
from collections.abc import Mapping


def message(
    headers: Mapping[str, object] | bytes, payload: bytes, length: int | None = None
) -> bytes:
    """One message. `headers` in bytes are taken as they are; `length` is one to claim."""
    raw = headers if isinstance(headers, bytes) else b"".join(map(_header, headers.items()))
    whole = 16 + len(raw) + len(payload) if length is None else length
    prelude = struct.pack(">II", whole, len(raw))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + raw + payload
    return body + struct.pack(">I", zlib.crc32(body))


def _header(item: tuple[str, object]) -> bytes:
    name, value = item
    encoded = name.encode()
    match value:
        case bool():
            kind = b"\x00" if value else b"\x01"
        case int():
            kind = b"\x05" + value.to_bytes(8, signed=True)
        case bytes():
            kind = b"\x06" + struct.pack(">H", len(value)) + value
        case _:
            text = str(value).encode()
            kind = b"\x07" + struct.pack(">H", len(text)) + text
    return bytes([len(encoded)]) + encoded + kind


def chunk(event: object) -> bytes:
    """One event of a model's stream, as `InvokeModelWithResponseStream` sends it."""
    inner = base64.b64encode(json.dumps(event).encode()).decode()
    payload = json.dumps({"bytes": inner, "p": "abcdef"}).encode()
    headers = {":event-type": "chunk", ":content-type": "application/json",
               ":message-type": "event"}  # fmt: skip
    return message(headers, payload)


def exception(name: str, text: str) -> bytes:
    """An error within a stream."""
    headers = {":exception-type": name, ":content-type": "application/json",
               ":message-type": "exception"}  # fmt: skip
    return message(headers, json.dumps({"message": text}).encode())


def as_event_stream(sse: bytes) -> bytes:
    """Anthropic's stream in Bedrock's framing."""
    return b"".join(map(chunk, _events(sse)))


def _events(sse: bytes) -> Iterable[object]:
    for line in sse.splitlines():
        if line.startswith(b"data:"):
            event = json.loads(line.removeprefix(b"data:"))
            if event.get("type") == "message_stop":
                event["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 1}
            yield event
