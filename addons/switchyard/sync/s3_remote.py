"""Storage in a bucket of S3 or of a server that speaks like it (MinIO, R2, Garage, Ceph).

Conditional writes are those of AWS since November 2024 (Amazon S3 User Guide, "How to prevent
object overwrites with conditional writes"). Requests are signed by botocore, an extra.
"""

import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlsplit

from switchyard.sync.errors import SyncError
from switchyard.sync.http_storage import HttpStorage

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_OPTIONS = frozenset({"endpoint", "region", "profile"})
_REGION = "us-east-1"


class S3Storage(HttpStorage):
    """The objects below a prefix of a bucket."""

    def __init__(self, address: str) -> None:
        """Read `s3://BUCKET/PREFIX?endpoint=URL&region=NAME&profile=NAME`.

        Keys are those of the AWS tools: environment, profile, SSO or role. Raises SyncError.
        """
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query))
        if not _BUCKET.fullmatch(parts.netloc) or not options.keys() <= _OPTIONS:
            raise SyncError("write s3://BUCKET/PREFIX?endpoint=https://...&region=...&profile=...")
        session = _session(options.get("profile"))
        region = options.get("region") or session.get_config_variable("region") or _REGION
        prefix = quote(parts.path.strip("/"))
        endpoint = options.get("endpoint", "").rstrip("/")
        base = endpoint or f"https://s3.{region}.amazonaws.com"
        super().__init__(
            "/".join(part for part in (base, parts.netloc, prefix) if part) + "/",
            _signer(session, region),
            "check the keys (aws configure) and what they may do: s3:GetObject, PutObject, "
            "DeleteObject and ListBucket",
        )


def _session(profile: str | None) -> Any:
    try:
        from botocore.session import Session
    except ImportError:
        hint = "pip install 'switchyard[aws]'"
        raise SyncError(f"the library botocore is missing, which signs requests; {hint}") from None
    return Session(profile=profile)


def _signer(session: Any, region: str) -> Callable[[str, str, bytes], Mapping[str, str]]:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError

    def sign(method: str, url: str, content: bytes) -> Mapping[str, str]:
        try:
            keys = session.get_credentials()
        except BotoCoreError as error:
            raise SyncError(f"AWS gives no keys: {type(error).__name__}; aws sso login") from None
        if keys is None:
            raise SyncError("there are no AWS keys; set AWS_ACCESS_KEY_ID or run aws configure")
        request = AWSRequest(method, url, data=content)
        S3SigV4Auth(keys.get_frozen_credentials(), "s3", region).add_auth(request)
        return {name.lower(): value for name, value in request.headers.items()}

    return sign
