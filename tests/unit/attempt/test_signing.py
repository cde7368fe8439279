"""Requests to AWS are signed by botocore's signer."""

import pytest

from switchyard.attempt.signing import region_of
from switchyard.attempt.signing import sign_request
from switchyard.exchange.http_messages import make_request
from switchyard.redaction.aws_credentials import AwsCredentials
from tests.support.sigv4 import signer_of

KEY = AwsCredentials("AKIAEXAMPLE1", "secret-of-the-key", region="eu-west-1")


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"),
        ("bedrock-runtime.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
        ("bedrock-mantle.ap-south-1.api.aws", "ap-south-1"),
        ("127.0.0.1", "eu-west-1"),
    ],
)
def test_regions(host: str, region: str) -> None:
    assert region_of(host, KEY) == region
    assert region_of("127.0.0.1", AwsCredentials("a", "b")) == "us-east-1"


@pytest.mark.parametrize("path", ["/model/a.b-v1%3A0/invoke", "/model/arn%3Aaws%2Fx/i?b=1&a=2"])
def test_the_signature_is_right(path: str) -> None:
    url = f"https://bedrock-runtime.us-west-2.amazonaws.com{path}"
    request = make_request(url, {"content-type": "application/json", "x-other": "1"}, b'{"a": 1}')
    key = AwsCredentials("AKIAEXAMPLE1", "secret-of-the-key", "the-session-token")
    sign_request(request, key)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.setdefault("host", "bedrock-runtime.us-west-2.amazonaws.com")
    assert headers["x-amz-security-token"] == "the-session-token"
    found = signer_of("POST", path, headers, b'{"a": 1}', {"AKIAEXAMPLE1": "secret-of-the-key"})
    assert found == ("AKIAEXAMPLE1", "us-west-2", "bedrock")
