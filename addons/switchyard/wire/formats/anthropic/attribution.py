"""Claude Code's line for Anthropic's billing, which begins its system prompt.

`x-anthropic-billing-header: cc_version=...; cc_entrypoint=...; cch=...;` has another value in each
request. Anthropic's own API takes it out before the prompt is cached; anywhere else it is text at
position 0, so that no turn finds the cache of the one before it (claude-code issues 68900, 24168).
"""

from switchyard.wire.encoding.jsonio import JsonObject

BILLING_LINE = "x-anthropic-billing-header:"


def has_attribution(body: JsonObject) -> bool:
    """Return whether a request's system prompt begins with the line."""
    system = body.get("system")
    if isinstance(system, str):
        return system.startswith(BILLING_LINE)
    return isinstance(system, list) and bool(system) and _is_line(system[0])


def without_attribution(body: JsonObject) -> JsonObject:
    """Return the request without the line; itself where it has none."""
    if not has_attribution(body):
        return body
    system = body["system"]
    if isinstance(system, str):
        left: object = system.partition("\n")[2].lstrip("\n")
    else:
        left = [block for block in system if not _is_line(block)]
    rest = {name: value for name, value in body.items() if name != "system"}
    # In its place: the order of members is part of what a cache compares.
    return {name: left if name == "system" else body[name] for name in body} if left else rest


def _is_line(block: object) -> bool:
    text = block.get("text") if isinstance(block, dict) else None
    return isinstance(text, str) and text.startswith(BILLING_LINE) and "\n" not in text.strip()
