import json
import time
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import azure.identity
import google.auth
import pytest
from azure.core.exceptions import ClientAuthenticationError

from switchyard.accounts.clouds import AzureToken
from switchyard.accounts.clouds import GoogleToken
from switchyard.accounts.token import SourceError
from switchyard.config.credentials import CredentialSource


class FakeGoogle:
    token = ""
    expiry: datetime | None = None

    def refresh(self, request: object) -> None:
        self.token = f"ya29.{int(self.token[5:] or 0) + 1}"
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)


def test_google_gives_a_token_and_renews_it_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def default(scopes: list[str]) -> tuple[FakeGoogle, None]:
        asked.append(scopes)
        return FakeGoogle(), None

    monkeypatch.setattr(google.auth, "default", default)
    reader = GoogleToken(CredentialSource.model_validate({"google": {}}))
    token = reader.read("")
    assert token.secret.get_secret_value() == "ya29.1"
    assert token.expires_at == pytest.approx(time.time() + 3600, abs=60)
    assert token.renew_at == token.expires_at - 300
    assert reader.read("").secret.get_secret_value() == "ya29.2"
    assert asked == [["https://www.googleapis.com/auth/cloud-platform"]]


def test_a_google_file_that_is_wrong_gives_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "service.json"
    file.write_text(json.dumps({"type": "service_account", "private_key": "hidden"}))
    source = CredentialSource.model_validate({"google": {"credentials": str(file)}})
    with pytest.raises(SourceError, match="Check the file") as caught:
        GoogleToken(source).read("")
    assert "hidden" not in str(caught.value)


@dataclass
class FakeToken:
    token: str
    expires_on: float


class FakeAzure:
    made = 0

    def __init__(self, *arguments: str) -> None:
        type(self).made += 1
        self.arguments = arguments

    def get_token(self, scope: str) -> FakeToken:
        if self.arguments == ("t", "c", "wrong-secret"):
            raise ClientAuthenticationError("wrong-secret")
        return FakeToken(f"eyJ-{type(self).made}", time.time() + 3600)


AZURE = {"azure": {"tenant": "t", "client": "c", "secret": "right-secret"}}


def test_azure_gives_a_token_and_another_one_after_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(azure.identity, "ClientSecretCredential", FakeAzure)
    monkeypatch.setattr(FakeAzure, "made", 0)
    reader = AzureToken(CredentialSource.model_validate(AZURE))
    assert reader.read("").secret.get_secret_value() == "eyJ-1"
    assert reader.read("").secret.get_secret_value() == "eyJ-1"
    assert reader.read("eyJ-1").secret.get_secret_value() == "eyJ-2"


def test_azure_refuses_without_quoting_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure.identity, "ClientSecretCredential", FakeAzure)
    wrong = {"azure": {**AZURE["azure"], "secret": "wrong-secret"}}
    with pytest.raises(SourceError, match="az login") as caught:
        AzureToken(CredentialSource.model_validate(wrong)).read("")
    assert "wrong-secret" not in str(caught.value)
