"""Verifies signatures as AWS does (Signature Version 4), independently of any library.

Source: AWS IAM User Guide, "Create a signed AWS API request".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def signer_of(
    method: str, target: str, headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]
) -> tuple[str, str, str]:
    """The access key, region and service of a request that is rightly signed.

    `secrets` are secret keys by access keys; names of headers are in lower case. Raises
    AssertionError for a wrong signature.
    """
    match = _AUTHORIZATION.fullmatch(headers["authorization"])
    assert match, headers["authorization"].partition("Signature")[0]
    access, day, region, service, names, given = match.groups()
    assert headers["x-amz-date"].startswith(day)
    signed = names.split(";")
    assert "host" in signed
    assert all(name in signed for name in headers if name == "x-amz-security-token")
    path, _, query = target.partition("?")
    canonical = "\n".join(
        [
            method,
            path if service == "s3" else quote(path, safe="/~"),  # once more, except for S3
            "&".join(sorted(query.split("&"))) if query else "",
            *(f"{name}:{headers[name].strip()}" for name in signed),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{digest}"
    key = f"AWS4{secrets[access]}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    assert hmac.new(key, text.encode(), "sha256").hexdigest() == given, "the signature is wrong"
    return access, region, service
