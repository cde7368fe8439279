"""Tells how many searches a provider ran for a response, for its price.

All formats' readers use the names of Anthropic's usage (API reference, "Messages": `usage`).
"""

from switchyard.wire.encoding.jsonio import JsonObject


def ran_searches(count: int) -> JsonObject:
    """Returns the member of `Usage.extra` that says so."""
    return {"server_tool_use": {"web_search_requests": count}}
