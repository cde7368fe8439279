"""Lists what each format cannot express: one table for reports and documentation.

`features.features` names each feature that a conversation uses; `CANNOT_SAY` lists for each target
format the features it cannot express, with the reason. Their intersection is what a translation
drops, and what `x-switchyard-dropped` lists.
"""

from collections.abc import Mapping

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.registry import losses_of
from switchyard.wire.translate.features import features

KEPT_BY_PROVIDER: Mapping[str, str] = {
    "background": "answers are waited for",
    "cachedContent": "a beginning of the prompt only its provider keeps",
    "container": "files and skills only its provider keeps",
    "conversation": "a conversation only its provider keeps",
    "previous_response_id": "an answer only its provider keeps",
    "prompt": "a prompt only its provider keeps",
}
"""Members of a Responses request (of a Gemini one: `cachedContent`, of an Anthropic one:
`container`) that name what its provider stores; no other format has them."""


def lost(conversation: Conversation, target: str) -> list[str]:
    """Returns the features of `conversation` that format `target` leaves out, sorted."""
    if conversation.format == target:
        return []
    alone = losses_of(conversation.format).said_alone
    cannot = {*losses_of(target).cannot_say, *KEPT_BY_PROVIDER, *alone}
    return sorted({feature for feature in features(conversation, target) if feature in cannot})


def is_instructed(conversation: Conversation, target: str, model: str) -> bool:
    """Whether a request in format `target` has the output's shape as an instruction."""
    output = conversation.output
    if output is None or output.kind == "text" or conversation.format == target:
        return False
    return PROVIDER_FORMATS[target].is_instructed(output, model)


def unsaid_stops(conversation: Conversation, target: str) -> tuple[str, ...]:
    """Returns the stop sequences that a request in format `target` leaves out."""
    if conversation.format == target:
        return ()
    return PROVIDER_FORMATS[target].unsaid_stops(conversation.stop)
