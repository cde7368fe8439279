"""Errors of Bedrock: most of their bodies name no type, and leave it to the status."""

import pytest

from switchyard.wire.outcome import refusal_of
from switchyard.wire.registry import PROVIDER_FORMATS

SERVICE = PROVIDER_FORMATS["converse"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"message":"The provided model identifier is invalid."}', "invalid_request"),
        (403, b'{"Message":"User is not authorized."}', "permission"),
        (404, b'{"message":"Access to the model is denied."}', "not_found"),
        (429, b'{"message":"Too many requests."}', "rate_limit"),
        (503, b'{"__type":"com.amazon#ServiceUnavailableException","message":"x"}', "overloaded"),
        (424, b'{"message":"The system encountered an unexpected error."}', "invalid_request"),
        (500, b"", "server"),
    ],
)
def test_errors(status: int, body: bytes, kind: str) -> None:
    assert refusal_of(SERVICE, status, body).kind == kind
