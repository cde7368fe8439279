"""Rewrites a conversation that a provider refused to read, by what it refused.

Which wording asks for which remedy is data (`config/shipped/errors.yaml`, the key `remedy`). A
remedy changes what it names and nothing else, and always the same way, so that the next turn of the
conversation begins as this one did.
"""

import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import replace

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.call_ids import renamed_id
from switchyard.wire.shared.words import called
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.role_order import with_roles_in_order
from switchyard.wire.translate.stored_items import without_item_ids
from switchyard.wire.translate.thinking_proofs import with_signatures_stood_in
from switchyard.wire.translate.thinking_proofs import with_thinking_stood_in
from switchyard.wire.translate.thinking_proofs import without_thinking_proofs

_STRICTEST_ID = re.compile(r"[A-Za-z0-9]{9}", re.ASCII)
"""What every provider takes for the id of a call; Mistral takes nothing else (its error 3280)."""

_TURNS = ("messages", "input", "contents")
"""The members of a request's body that hold the turns."""


def with_paired_calls(conversation: Conversation, target: str) -> Conversation:
    """Return the conversation with a result for each call, right after it, under ids all take.

    A result without its call becomes text. The conversation itself where nothing changes.
    """
    kept = paired(distinct(conversation))
    turns = tuple(replace(turn, parts=tuple(map(_renamed, turn.parts))) for turn in kept.turns)
    return conversation if turns == conversation.turns else replace(kept, turns=turns)


def with_calls_as_text(conversation: Conversation, target: str) -> Conversation:
    """Return the conversation with its calls and results as words; itself without any."""
    turns = tuple(
        replace(turn, parts=tuple(said for part in turn.parts for said in _worded(part)))
        for turn in conversation.turns
    )
    return conversation if turns == conversation.turns else replace(conversation, turns=turns)


REMEDIES: Mapping[str, Callable[[Conversation, str], Conversation]] = {
    "proofs": without_thinking_proofs,
    "signatures": with_signatures_stood_in,
    "thinking": with_thinking_stood_in,
    "calls": with_paired_calls,
    "results": with_calls_as_text,
    "roles": with_roles_in_order,
    "items": without_item_ids,
}
"""By the words of `errors.yaml`. Each takes the format of the provider that is asked."""

_REORDERS = frozenset({"calls", "results", "roles"})
"""Remedies that make other turns than the client's: they are written as another format's are."""

LEFT_OUT: Mapping[str, str] = {"proofs": "thinking-signature", "items": "provider-blocks"}
"""What `x-switchyard-dropped` lists for a remedy."""


def remedied(conversation: Conversation, remedies: Collection[str], target: str) -> Conversation:
    """Return the conversation after all of `remedies`, for a provider of format `target`.

    The conversation itself where none changes anything.
    """
    for name in remedies:
        conversation = REMEDIES[name](conversation, target)
    return conversation


def write_remedied(
    conversation: Conversation, remedies: Collection[str], upstream: Format
) -> JsonObject:
    """Return the body of a remedied conversation that is in the format of the provider itself.

    All but the turns stays as the client wrote it, and the turns too where only parts of them were
    left out.
    """
    body = upstream.write_request(conversation)
    if _REORDERS.isdisjoint(remedies):
        return body
    foreign = upstream.write_request(replace(conversation, format=""))
    return {**body, **{name: foreign[name] for name in _TURNS if name in foreign and name in body}}


def _renamed(part: Part) -> Part:
    match part:
        case ToolCall(id=given) if _STRICTEST_ID.fullmatch(given) is None:
            return replace(part, id=renamed_id(given, _STRICTEST_ID))
        case ToolResult(call_id=given) if _STRICTEST_ID.fullmatch(given) is None:
            return replace(part, call_id=renamed_id(given, _STRICTEST_ID))
    return part


def _worded(part: Part) -> tuple[Part, ...]:
    match part:
        case ToolCall():
            return (Text(text=called(part.name, part.arguments)),)
        case ToolResult():
            return part.parts or (Text(text="(no output)"),)
    return (part,)
