"""Makes a token of the text that a file or a program gives."""

import json
import math
import re

from pydantic import SecretStr

from switchyard.accounts.expiry import jwt_expiry
from switchyard.accounts.expiry import unix_seconds
from switchyard.accounts.places import value_at
from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.credentials import CredentialSource

_SENDABLE = re.compile(r"[!-~]+")
"""What a header can carry as one word."""


def read_token(text: str, source: CredentialSource) -> Token:
    """Return the token in a text, where `json` and `expires` of the source place it.

    Raises SourceError, without anything of the text.
    """
    if source.json_ is None:
        return Token(sendable(text.strip()), _expiry_of(text.strip(), None))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise SourceError("gives no JSON") from None
    value = value_at(document, source.json_)
    if not isinstance(value, str) or not value:
        raise SourceError(f"has no text at $.{source.json_}; the tool may be logged out")
    stated = None if source.expires is None else value_at(document, source.expires)
    if stated is not None and unix_seconds(stated) is None:
        raise SourceError(f"has no point in time at $.{source.expires}")
    return Token(sendable(value), _expiry_of(value, stated))


def sendable(value: str) -> SecretStr:
    """Return a credential that a header can carry. Raises SourceError."""
    if not _SENDABLE.fullmatch(value):
        raise SourceError("gives no credential in one word" if value else "gives an empty text")
    return SecretStr(value)


def _expiry_of(value: str, stated: object) -> float:
    at = jwt_expiry(value) if stated is None else unix_seconds(stated)
    return math.inf if at is None else at
