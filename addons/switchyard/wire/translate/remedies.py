"""Rewrites a conversation that a provider refused, according to the refusal.

`config/shipped/errors.yaml` maps the wording of errors to remedies (key `remedy`). A remedy changes
what it names and nothing else, and is deterministic, so that the next turn of the conversation
begins with the same prefix.
"""

import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.formats.gemini.names import own as gemini_members
from switchyard.wire.formats.gemini.names import owned as gemini_extra
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.call_ids import renamed_id
from switchyard.wire.shared.words import called
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.reasoning_wish import without_reasoning_wish
from switchyard.wire.translate.role_order import with_roles_in_order
from switchyard.wire.translate.stand_ins import with_signatures_stood_in
from switchyard.wire.translate.stand_ins import with_thinking_stood_in
from switchyard.wire.translate.stand_ins import without_thinking
from switchyard.wire.translate.without_proofs import without_proofs

_STRICTEST_ID = re.compile(r"[A-Za-z0-9]{9}", re.ASCII)
"""Ids of calls that every provider accepts; Mistral accepts no other (its error 3280)."""

_TURNS = ("messages", "input", "contents")
"""The members of a request's body that hold the turns."""


def with_paired_calls(conversation: Conversation, target: str) -> Conversation:
    """Returns the conversation with a result right after each call.

    Calls get ids that every API accepts. A result without its call becomes text. Returns the
    conversation itself if nothing changes.
    """
    kept = paired(distinct(conversation))
    turns = tuple(altered(turn, parts=tuple(map(_renamed, turn.parts))) for turn in kept.turns)
    return conversation if turns == conversation.turns else altered(kept, turns=turns)


def with_calls_as_text(conversation: Conversation, target: str) -> Conversation:
    """Returns the conversation with calls and results as text; itself without any."""
    turns = tuple(
        altered(turn, parts=tuple(said for part in turn.parts for said in _worded(part)))
        for turn in conversation.turns
    )
    return conversation if turns == conversation.turns else altered(conversation, turns=turns)


type _OfBody = Callable[[JsonObject, str], JsonObject]
type _OfTurns = Callable[[Conversation, str], Conversation]

_OF_BODIES: Mapping[str, _OfBody] = {
    "proofs": without_proofs,
    "thoughts": without_thinking,
    "signatures": with_signatures_stood_in,
    "thinking": with_thinking_stood_in,
    "reasoning": without_reasoning_wish,
}
"""Remedies that keep the turns, in the order of their use."""

_OF_TURNS: Mapping[str, _OfTurns] = {
    "calls": with_paired_calls,
    "results": with_calls_as_text,
    "roles": with_roles_in_order,
}
"""Remedies that rewrite the client's turns."""

REMEDIES = (*_OF_BODIES, *_OF_TURNS)
"""The names of all remedies, as in `errors.yaml`."""

LEFT_OUT: Mapping[str, str] = {
    "proofs": "thinking-signature",
    "thoughts": "thinking",
    "reasoning": "reasoning",
}
"""Entries of `x-switchyard-dropped`, by remedy."""


def remedied_turns(
    conversation: Conversation, remedies: Collection[str], target: str
) -> Conversation:
    """Returns the conversation after those of `remedies` that rewrite turns.

    `target` is the provider's format. Returns the conversation itself if none changes anything.
    """
    for name, remedy in _OF_TURNS.items():
        if name in remedies:
            conversation = remedy(conversation, target)
    return conversation


def remedied_body(body: JsonObject, remedies: Collection[str], target: str) -> JsonObject:
    """Returns a body in format `target` after those of `remedies` that keep the turns.

    Returns `body` itself if none changes anything; never changes it, nor anything in it.
    """
    for name, remedy in _OF_BODIES.items():
        if name in remedies:
            body = remedy(body, target)
    return body


def with_own_turns_remedied(
    body: JsonObject, remedies: Collection[str], upstream: Format
) -> JsonObject:
    """Returns a client's body, in the provider's own format, with rewritten turns.

    Everything but the turns stays as the client wrote it. Returns `body` itself if no remedy
    rewrites turns. Raises BadRequest.
    """
    if _OF_TURNS.keys().isdisjoint(remedies):
        return body
    # The writer of foreign turns makes none of them depend on how they were written here.
    conversation = altered(upstream.read_request(body), format="")
    other = remedied_turns(conversation, remedies, upstream.name)
    if other is conversation:
        return body
    made = upstream.write_request(other)
    return {**body, **{name: made[name] for name in _TURNS if name in made and name in body}}


def _renamed(part: Part) -> Part:
    match part:
        case ToolCall(id=given) if _STRICTEST_ID.fullmatch(given) is None:
            return altered(part, id=renamed_id(given, _STRICTEST_ID))
        case ToolResult(call_id=given) if _STRICTEST_ID.fullmatch(given) is None:
            return _answering(part, renamed_id(given, _STRICTEST_ID))
    return part


def _answering(result: ToolResult, call_id: str) -> ToolResult:
    """Returns the result of a call under another id, also in Gemini's `extra`."""
    said = gemini_members(result.extra)
    if "result" in said:
        extra = gemini_extra({**said, "result": {**said["result"], "id": call_id}})
        return altered(result, call_id=call_id, extra=extra)
    return altered(result, call_id=call_id)


def _worded(part: Part) -> tuple[Part, ...]:
    match part:
        case ToolCall():
            return (Text(text=called(part.name, part.arguments)),)
        case ToolResult():
            return part.parts or (Text(text="(no output)"),)
    return (part,)
