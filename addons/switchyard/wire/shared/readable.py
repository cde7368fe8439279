"""Decides whether a target can read a proof in another format's history.

Only the provider reads its format's own proofs. Proofs from a dialect of Chat Completions passed
through a client of another format in an envelope, or openly if that client's format has a field for
them; then only the router's record of the maker identifies them as Chat's.
"""

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall

_CHAT = "openai-chat"

GOOGLE = "google"
"""Dialect of a signature in a message's `extra_content.google` (Gemini API, "OpenAI compatibility",
thought signatures)."""


COPILOT = "copilot"
"""Dialect of GitHub Copilot: a message's `reasoning_opaque`, beside the words in `reasoning_text`
(opencode's provider for it, packages/opencode/src/provider/sdk/copilot/chat)."""


def is_readable(part: Thinking | ToolCall, conversation: Conversation, target: str) -> bool:
    """Whether a provider that speaks `target` can read the proof of `part`."""
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
    # Other formats' own calls are unsigned, so the signature was in an envelope.
    return part.signer == "gemini" != conversation.format
