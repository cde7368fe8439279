"""Removes all proofs from a request, to retry after a provider refused one."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.proofs import nothing
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS


def without_proofs(body: JsonObject, format: str) -> JsonObject:
    """Returns `body`, a request in `format`, without any proof in its history.

    Leaves out signatures, encrypted reasoning, ids of items that a provider keeps, and blocks of
    tools that ran at a provider, or renders them as text. Returns `body` itself if there is none;
    never changes it, nor anything in it. The profile adds thinking that a provider requires when
    the body is sent.
    """
    known = PROVIDER_FORMATS.get(format) or CLIENT_FORMATS.get(format)
    return body if known is None else known.with_proofs(body, nothing)
