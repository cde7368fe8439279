"""Builds the URL, authentication header and timeouts of an attempt."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from pydantic import SecretStr

from switchyard.config.fields import SOCKET_SCHEME
from switchyard.config.provider import Provider
from switchyard.failover.attempt import Timeouts
from switchyard.redaction.aws_credentials import AwsCredentials
from switchyard.wire.format import AuthStyle
from switchyard.wire.format import Format

_VERSION_SEGMENT = re.compile(r"^v\d+[a-z0-9]*$")


def key_headers(provider: Provider, format: str, key: SecretStr | None) -> dict[str, str]:
    """Returns the header that carries a key to a provider.

    There is none without a key, and none for keys of AWS', which sign requests and are sent to
    nobody.
    """
    if key is None or isinstance(key, AwsCredentials):
        return {}
    name, value = auth_header(provider.auth_for(format), key.get_secret_value())
    return {name: value}


def auth_header(style: AuthStyle, key: str) -> tuple[str, str]:
    """Returns the header that carries a key upstream."""
    return ("authorization", f"Bearer {key}") if style == "bearer" else (style, key)


def endpoint_url(base_url: str, format: Format, path: str) -> str:
    """Returns the URL of a call below `base`, a base URL as the format's SDK takes it.

    SDKs differ in whether the version segment belongs to the base URL, and users write both forms.
    The segment is added where the URL has no path: `https://api.anthropic.com` and
    `https://api.anthropic.com/v1` mean the same. A path without a version (`https://host/openai`)
    is complete, except for formats whose SDK adds the version itself. `https://host/.` has no
    version.
    """
    return _versioned(base_url, format.version, format.sdk_adds_version) + path


@lru_cache(256)
def _versioned(base_url: str, version: str, always: bool) -> str:
    """Returns a base URL with its version segment, after any path if `always`."""
    base = base_url.rstrip("/")
    if base.endswith("/."):
        return base.removesuffix("/.")
    segments = [s for s in urlsplit(base).path.split("/") if s]
    if any(_VERSION_SEGMENT.match(segment) or segment == version for segment in segments):
        return base
    if segments and not always:
        return base
    return f"{base}/{version}" if version else base


def url_without_socket(url: str) -> str:
    """Returns the URL that a request to a Unix socket names; other URLs unchanged."""
    if not url.startswith(SOCKET_SCHEME):
        return url
    _, slash, path = url.removeprefix(SOCKET_SCHEME).partition("/")
    return f"http://localhost{slash}{path}"


def timeouts(provider: Provider, streams: bool) -> Timeouts:
    """Returns the provider's timeouts for one attempt.

    An upstream sends the first byte of a response that is not streamed when it is complete. Unless
    somebody set the time for that byte, it may take as long as a stream's first output.
    """
    t = provider.timeouts
    first_byte = t.first_byte if streams else t.first_byte_of_whole
    return _timeouts(t.connect, first_byte, t.first_output, t.between_chunks, t.total)


@lru_cache(256)
def _timeouts(
    connect: float, first_byte: float, first_output: float, between_chunks: float, total: float
) -> Timeouts:
    return Timeouts(
        connect=connect,
        first_byte=first_byte,
        first_output=first_output,
        between_chunks=between_chunks,
        total=total,
    )
