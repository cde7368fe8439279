"""Leaves proofs out of a request's body: what a provider takes back only if it made it itself.

Providers sign what their models thought, encrypt it, or keep it under an id, and refuse for good
the proof of another maker. A format's `proofs` module finds them in a body; a `Keeps` decides.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from operator import is_
from typing import Any

from switchyard.values.searching import has_rare
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall

type Keeps = Callable[[str], bool]
"""Whether a proof stays. It is empty for thinking that has none."""


def may_have_proofs(raw: bytes, marks: Iterable[bytes]) -> bool:
    """Whether a request or reply, as JSON, has one of a format's `proof_marks`."""
    return any(has_rare(raw, mark) for mark in marks)


def nothing(proof: str) -> bool:
    """Keep no proof, as a `Keeps`."""
    return False


def with_items(
    holder: JsonObject, name: str, change: Callable[[Any], list[Any]]
) -> JsonObject | None:
    """Put what `change` returns for each entry in place of the entries of the list `name`.

    Returns `holder` itself where nothing changes or there is no list, None where nothing is left
    of a list. Never changes `holder`.
    """
    items = holder.get(name)
    if not isinstance(items, list) or not items:
        return holder
    changed = [kept for item in items for kept in change(item)]
    if len(changed) == len(items) and all(map(is_, changed, items)):
        return holder
    return {**holder, name: changed} if changed else None


def proofs_of(part: Part) -> Iterator[str]:
    """Yield the proofs that a part holds, in any format.

    These are signatures, encrypted reasoning, and the ids of reasoning and of what a tool did at
    the provider.
    """
    match part:
        case Thinking():
            yield from filter(None, (part.signature, part.redacted, part.id))
        case ToolCall(signature=str(signature)):
            yield signature
        case Opaque(raw={"id": str(id)}):
            yield id
