"""Reads what a provider says of why it refused, from the details of a stop."""

from switchyard.wire.model.conversation import Stop

REFUSED = ("refusal", "content_filter")
"""The reasons of an end that is a refusal."""


def explanation(stop: Stop | None) -> str:
    """Return why a provider refused, in its own words; empty where it gave no words or no refusal.

    Anthropic's `stop_details` has an `explanation` (API reference, "Messages"); a text is Google's.
    """
    if stop is None or stop.reason not in REFUSED:
        return ""
    details = stop.details
    words = details.get("explanation") if isinstance(details, dict) else details
    return words if isinstance(words, str) else ""
