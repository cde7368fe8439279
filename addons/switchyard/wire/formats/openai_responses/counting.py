"""How Responses counts tokens. Source: API reference, "Get input token counts"."""

from switchyard.wire.formats.openai_responses.request_reader import read_request
from switchyard.wire.shared.input_tokens import InputTokensCount

COUNTING = InputTokensCount(
    "/responses/input_tokens", read_request, {"object": "response.input_tokens"}
)
