"""Holds AWS credentials: several values that sign requests together and are never sent whole."""

from pydantic import SecretStr


class AwsCredentials(SecretStr):
    """An access key; its value as a `SecretStr` is the secret part of it.

    The id of an access key is no secret: each signature names it (Signature Version 4).
    """

    def __init__(self, access_key: str, secret_key: str, token: str = "", region: str = "") -> None:
        """`token` is that of a session; `region` the one that requests are signed for."""
        super().__init__(secret_key)
        self.access_key = access_key
        self.token = SecretStr(token)
        self.region = region
