"""Asks AWS' own library for credentials: botocore (an extra)."""

import logging
import time
from typing import Any

from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.credentials import CredentialSource
from switchyard.redaction.aws_credentials import AwsCredentials

logger = logging.getLogger(__name__)

_LIFE = 600.0
"""Seconds for which credentials are used. botocore renews those that expire from 15 minutes before
their end on, when they are asked for (`botocore.credentials`, advisory refresh)."""
_LEAD = 300.0


class AwsKeys:
    """The reader of one `{aws: {...}}`: profile, environment, SSO, role, container or instance."""

    def __init__(self, source: CredentialSource) -> None:
        assert source.aws is not None
        self._settings = source.aws
        self._session: Any = None

    def read(self, refused: str) -> Token:
        """Return the access key to sign with. Raises SourceError."""
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        try:
            if self._session is None or refused:
                self._session = Session(profile=self._settings.profile)
            found = self._session.get_credentials()
            if found is None:
                raise SourceError("find no AWS credentials. Set a profile, or run aws configure")
            keys = found.get_frozen_credentials()
            region = self._settings.region or self._session.get_config_variable("region")
        except (BotoCoreError, OSError) as error:
            logger.debug("switchyard: botocore", exc_info=error)
            hint = "Check the profile, or run aws sso login"
            raise SourceError(f"give no key ({type(error).__name__}). {hint}") from None
        secret = AwsCredentials(keys.access_key, keys.secret_key, keys.token or "", region or "")
        now = time.time()
        more = (keys.token,) if keys.token else ()
        return Token(secret, now + _LIFE, now + _LEAD, more)

    def has_changed(self) -> bool:
        return False
