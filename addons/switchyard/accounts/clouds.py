"""Asks the clouds' own libraries for access tokens: google-auth and azure-identity (extras)."""

import logging
import time
from datetime import UTC
from typing import Any

from pydantic import SecretStr

from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.credentials import AzureSource
from switchyard.config.credentials import CredentialSource
from switchyard.config.credentials import GoogleSource

logger = logging.getLogger(__name__)

_LEAD = 300.0
"""Seconds before its expiry from which a token is renewed, beside the requests."""
_HOUR = 3600.0
"""The life of a token whose library gives none."""


class GoogleToken:
    """The reader of one `{google: {...}}`."""

    def __init__(self, source: CredentialSource) -> None:
        assert source.google is not None
        self._settings = source.google
        self._credentials: Any = None

    def read(self, refused: str) -> Token:
        """Return a fresh access token. Raises SourceError."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request

        try:
            if self._credentials is None:
                self._credentials = _google_credentials(self._settings)
            self._credentials.refresh(Request())
        except (GoogleAuthError, OSError, ValueError) as error:
            logger.debug("switchyard: google-auth", exc_info=error)
            hint = "Check the file, or run gcloud auth application-default login"
            raise SourceError(f"give no token ({type(error).__name__}). {hint}") from None
        expiry = self._credentials.expiry
        at = time.time() + _HOUR if expiry is None else expiry.replace(tzinfo=UTC).timestamp()
        return Token(SecretStr(self._credentials.token), at, at - _LEAD)

    def has_changed(self) -> bool:
        return False


def _google_credentials(settings: GoogleSource) -> Any:
    import google.auth

    scopes = list(settings.scopes)
    if settings.credentials is None:
        return google.auth.default(scopes=scopes)[0]
    return google.auth.load_credentials_from_file(settings.credentials, scopes=scopes)[0]


class AzureToken:
    """The reader of one `{azure: {...}}`."""

    def __init__(self, source: CredentialSource) -> None:
        assert source.azure is not None
        self._settings = source.azure
        self._credential: Any = None

    def read(self, refused: str) -> Token:
        """Return an access token of Microsoft Entra. Raises SourceError."""
        from azure.core.exceptions import AzureError

        try:
            found = self._ask()
            if found.token == refused:
                self._credential = None  # the library keeps tokens until they expire
                found = self._ask()
        except (AzureError, OSError, ValueError) as error:
            logger.debug("switchyard: azure-identity", exc_info=error)
            hint = "Check tenant, client and secret, or run az login"
            raise SourceError(f"give no token ({type(error).__name__}). {hint}") from None
        return Token(SecretStr(found.token), found.expires_on, found.expires_on - _LEAD)

    def has_changed(self) -> bool:
        return False

    def _ask(self) -> Any:
        if self._credential is None:
            self._credential = _azure_credential(self._settings)
        return self._credential.get_token(self._settings.scope)


def _azure_credential(settings: AzureSource) -> Any:
    from azure.identity import ClientSecretCredential
    from azure.identity import DefaultAzureCredential

    if settings.secret is not None and settings.tenant and settings.client:
        secret = settings.secret.get_secret_value()
        return ClientSecretCredential(settings.tenant, settings.client, secret)
    return DefaultAzureCredential()
