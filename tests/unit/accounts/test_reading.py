import json
import math

import pytest

from switchyard.accounts.reading import read_token
from switchyard.accounts.reading import sendable
from switchyard.accounts.token import SourceError
from switchyard.config.credentials import CredentialSource

FILE = CredentialSource.model_validate({"file": "/f"})
PLACED = CredentialSource.model_validate({"file": "/f", "json": "$.t.a", "expires": "$.t.e"})


def test_a_text_is_the_token() -> None:
    token = read_token(" sk-abc\n", FILE)
    assert (token.secret.get_secret_value(), token.expires_at) == ("sk-abc", math.inf)


def test_a_token_and_its_expiry_within_json() -> None:
    token = read_token(json.dumps({"t": {"a": "tok-1", "e": 1_795_950_000_000}}), PLACED)
    assert (token.secret.get_secret_value(), token.expires_at) == ("tok-1", 1_795_950_000.0)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("{", "gives no JSON"),
        ('{"t": {}}', r"has no text at \$\.t\.a"),
        ('{"t": {"a": 5}}', r"has no text at \$\.t\.a"),
        ('{"t": {"a": "secret-token", "e": "soon"}}', r"has no point in time at \$\.t\.e"),
        ('{"t": {"a": "two words"}}', "no credential in one word"),
    ],
)
def test_what_has_no_token(text: str, cause: str) -> None:
    with pytest.raises(SourceError, match=cause) as caught:
        read_token(text, PLACED)
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "a b", "a\nb: c", "ä"])
def test_what_no_header_can_carry(value: str) -> None:
    with pytest.raises(SourceError):
        sendable(value)
