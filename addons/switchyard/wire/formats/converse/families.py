"""Tells by a model's id what its family takes of the Converse API.

An id names its maker (`us.anthropic.claude-...`, `amazon.nova-2-lite-v1:0`), also within an ARN.
The ARN of an application's own inference profile names none: such a model gets what every model
takes. Source: Bedrock's API reference, "ToolChoice", "ToolResultBlock"; user guide, "Prompt
caching for faster model inference", "Enhance model responses with model reasoning".
"""

from typing import Literal

Family = Literal["claude", "nova", "gpt-oss", "mistral", "other"]


def family_of(model: str) -> Family:
    """Returns whose rules a model follows."""
    name = model.lower()
    if "anthropic." in name or "claude" in name:
        return "claude"
    if "amazon.nova" in name:
        return "nova"
    if "openai.gpt-oss" in name:
        return "gpt-oss"
    return "mistral" if "mistral." in name else "other"


def reasons_by_effort(model: str) -> bool:
    """Whether a model of Nova thinks; earlier ones refuse every word about it."""
    return "amazon.nova-2" in model.lower()


def marks_caches(family: Family) -> bool:
    """Whether a model takes `cachePoint`; others refuse it."""
    return family in ("claude", "nova")


def has_rich_results(family: Family) -> bool:
    """Whether results of tools may be marked as errors, and hold more than text."""
    return family in ("claude", "nova")


def can_be_made_to_call(family: Family) -> bool:
    """Whether a model can be made to call some tool."""
    return family in ("claude", "nova", "mistral")


def can_be_made_to_call_one(family: Family) -> bool:
    """Whether a model can be made to call a certain tool."""
    return family in ("claude", "nova")
