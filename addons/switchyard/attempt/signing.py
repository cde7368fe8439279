"""Signs requests to AWS (Signature Version 4) with botocore's signer, an extra.

botocore is imported with the first request to sign.
"""

import re

from mitmproxy import http

from switchyard.redaction.aws_credentials import AwsCredentials

SERVICE = "bedrock"

_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com|api\.aws)", re.ASCII)
_FALLBACK = "us-east-1"


def region_of(host: str, credentials: AwsCredentials) -> str:
    """Returns the region to sign for: the one that the host names, else that of the profile."""
    named = _REGION.search(host)
    return named[1] if named else credentials.region or _FALLBACK


def sign_request(request: http.Request, credentials: AwsCredentials) -> None:
    """Adds the signature of a request that does not change any more.

    Only `host` and `content-type` are signed besides the headers that the signature itself needs:
    others may change on the way.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    content_type = request.headers.get("content-type", "")
    signed = AWSRequest(
        request.method,
        request.url,
        headers={"content-type": content_type} if content_type else {},
        data=request.raw_content or b"",
    )
    key = Credentials(
        credentials.access_key,
        credentials.get_secret_value(),
        credentials.token.get_secret_value() or None,
    )
    SigV4Auth(key, SERVICE, region_of(request.host, credentials)).add_auth(signed)
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
        if (value := signed.headers.get(name)) is not None:
            request.headers[name.lower()] = value
