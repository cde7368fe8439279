"""Reads a provider's reason for a refusal from the details of a stop."""

from switchyard.wire.model.conversation import Stop

REFUSED = ("refusal", "content_filter")
"""The stop reasons that are refusals."""


def explanation(stop: Stop | None) -> str:
    """Returns a provider's own explanation of a refusal; empty if there is none.

    Anthropic's `stop_details` has an `explanation` (API reference, "Messages"); a text is Google's.
    """
    if stop is None or stop.reason not in REFUSED:
        return ""
    details = stop.details
    words = details.get("explanation") if isinstance(details, dict) else details
    return words if isinstance(words, str) else ""
