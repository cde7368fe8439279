"""Tells whether a target can be given back a proof that stands in another format's history.

A format's own proofs are its provider's to read. Those that a dialect of Chat Completions had came
through a client of another format in an envelope, or openly where that client's format has a place
for them; then only what the router remembers of the maker says that they are Chat's.
"""

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall

_CHAT = "openai-chat"

GOOGLE = "google"
"""Dialect of a signature that stood in `extra_content.google` of a message (Gemini API, "OpenAI
compatibility", thought signatures)."""


def is_readable(part: Thinking | ToolCall, conversation: Conversation, target: str) -> bool:
    """Whether a provider that speaks `target` may be given back the proof of `part`."""
    proof = part.signature or (part.redacted if isinstance(part, Thinking) else None)
    if not proof:
        return False
    if part.signer == target:
        return True
    if target != _CHAT:
        return False
    if proof in conversation.readable:
        return True
    if isinstance(part, Thinking):
        return part.dialect is not None
    # Of a format whose own calls are unsigned, it was in an envelope.
    return part.signer == "gemini" != conversation.format
