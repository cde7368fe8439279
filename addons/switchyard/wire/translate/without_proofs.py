"""Leaves all proofs out of a request, for a second attempt after a provider refused one."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.proofs import nothing
from switchyard.wire.registry import CLIENT_FORMATS


def without_proofs(body: JsonObject, format: str) -> JsonObject:
    """Return `body`, a request in `format`, without any proof in its history.

    Signatures, encrypted reasoning, ids of items that a provider keeps, and blocks of tools that
    ran at a provider are left out, or said in words. Returns `body` itself where there is none;
    never changes it, nor anything in it. Thinking that a provider demands back is put in again by
    its profile, when the body is sent.
    """
    known = CLIENT_FORMATS.get(format)
    return body if known is None else known.with_proofs(body, nothing)
