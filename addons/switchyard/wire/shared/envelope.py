"""Carries one provider's proof of its thinking through a client of another format.

Providers sign or encrypt what a model thought and want it back unchanged with the next request.
A client only stores what its own format has a field for, and only where that format's own
provider would have written it. The proof therefore travels inside such a field (the Responses
API's `encrypted_content`, for example) as an envelope: base64 of

    `switchyard:1` zlib(JSON {"signer", "signature" or "redacted", "text", "id", "dialect", "call"})

`signer` is the format that can read the proof, null where there is none to read. `text` is the
thinking a signature covers, since clients shorten or drop what they were shown. `id` is that of
the reasoning item, which the Responses API wants back with it. `dialect` is there when
the proof came in a dialect of Chat (see `conversation.Thinking`). `call` is there when the proof
belongs to a tool call, and is that call's id.

The prefix is twelve bytes, so it is sixteen fixed characters of base64, and the whole passes for
base64 wherever a format demands that. zlib's checksum detects damage. What is damaged, too large or
of another shape is not an envelope: the proof is lost, and the conversation continues without it.
"""

import base64
import binascii
import zlib
from dataclasses import dataclass

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall

_MAGIC = b"switchyard:1"

PREFIX = base64.b64encode(_MAGIC).decode()
"""Prefix of every envelope."""

_MAX_BYTES = 16 * 1024 * 1024
"""Bound on an envelope's unpacked bytes, against compression bombs from clients."""


@dataclass(frozen=True, slots=True)
class CallProof:
    """The proof of one tool call."""

    call_id: str
    signature: str
    signer: str


def seal(part: Thinking) -> str:
    """Returns an envelope with the proof of `part`.

    An envelope without proof only marks the part as thinking of another format; it does not carry
    the text then.
    """
    said: JsonObject = {"signer": part.signer}
    if part.signature:
        said["signature"] = part.signature
    if part.redacted:
        said["redacted"] = part.redacted
    if part.text and len(said) > 1:
        said["text"] = part.text
    if part.id and len(said) > 1:
        said["id"] = part.id
    if part.dialect and (part.signature or part.redacted):
        said["dialect"] = part.dialect
    return _pack(said)


def seal_call(call: ToolCall) -> str:
    """Returns an envelope with the proof of a tool call."""
    return _pack({"signer": call.signer, "signature": call.signature, "call": call.id})


def is_sealed(value: object) -> bool:
    """Whether a field holds an envelope, whole or damaged."""
    return isinstance(value, str) and value.startswith(PREFIX)


def unseal(value: object) -> Thinking | CallProof | None:
    """Returns the content of an envelope; None if it is none, or damaged."""
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return None
    said = _unpack(value)
    if said is None:
        return None
    signer, call = said.get("signer"), said.get("call")
    signature, redacted, text = said.get("signature"), said.get("redacted"), said.get("text")
    item, dialect = said.get("id"), said.get("dialect")
    given = (signer, call, signature, redacted, text, item, dialect)
    if any(not isinstance(x, str | None) for x in given):
        return None
    if call is not None:
        return CallProof(call, signature, signer) if signature and signer else None
    return Thinking(
        text=text or "",
        signature=signature,
        redacted=redacted,
        signer=signer,
        id=item,
        dialect=dialect,
    )


def seal_content(content: JsonObject) -> str:
    """Returns an envelope with several proofs, in a form known to the sealing format."""
    return _pack(content)


def unseal_content(value: object) -> JsonObject | None:
    """Returns what `seal_content` sealed, in either alphabet of base64; else None.

    Clients that hold a signature as bytes choose an alphabet when they write it.
    """
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return None
    text = value.replace("-", "+").replace("_", "/").rstrip("=")
    return _unpack(text + "=" * (-len(text) % 4))


def _pack(said: JsonObject) -> str:
    return base64.b64encode(_MAGIC + zlib.compress(dumps(said))).decode()


def _unpack(value: str) -> JsonObject | None:
    try:
        packed = base64.b64decode(value, validate=True)[len(_MAGIC) :]
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(packed, _MAX_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return loads_object(data) if unpacker.eof else None
