"""Names the keys of `flow.metadata` that recordings use."""

ATTEMPT = "switchyard_attempt"
"""Metadata of an attempt's flow: its number."""


FACTS = "switchyard"
"""Metadata of a flow: what is known of the call or attempt, as plain data."""


REQUEST = "switchyard_request"
"""Metadata of a call's flow and of its attempts' flows: the id of the call's flow. mitmproxy's
filter `~meta ID` shows them together."""
