"""How Anthropic counts tokens. Source: its reference, "Count Message tokens"."""

from switchyard.wire.formats.anthropic.request_reader import read_request
from switchyard.wire.shared.input_tokens import InputTokensCount

COUNTING = InputTokensCount("/messages/count_tokens", read_request, {})
