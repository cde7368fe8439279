"""Asks a provider for its models with one of its keys."""

from collections.abc import Iterable

from mitmproxy import ctx
from pydantic import SecretStr

from switchyard.accounts.quota_calls import profile_query
from switchyard.attempt.url import endpoint_url
from switchyard.attempt.url import key_headers
from switchyard.attempt.url import url_without_socket
from switchyard.config.provider import Provider
from switchyard.egress.egress import Egress
from switchyard.egress.fetch import fetch
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.format import Format
from switchyard.wire.model.model_list import FoundModel
from switchyard.wire.registry import PROVIDER_FORMATS

MOST_MODELS = 5000
_MOST_PAGES = 20


async def list_models(
    provider: Provider, key: SecretStr | None, way: Egress | None, base: str
) -> tuple[FoundModel, ...]:
    """Return the models that a provider lists at the address `base`, by all pages of its list.

    Raises FetchError, and ValueError for an answer that is no such list.
    """
    format = PROVIDER_FORMATS[provider.formats[0]]
    headers = dict(headers_of(provider, format, key))
    found: dict[str, FoundModel] = {}
    after = ""
    for _ in range(_MOST_PAGES):
        path = format.models_path(after) + profile_query(provider)
        url = url_without_socket(endpoint_url(base, format, path))
        headers.setdefault("host", url.split("/", 3)[2])
        trusted = ctx.options.ssl_verify_upstream_trusted_ca
        page = format.read_models(loads(await fetch(url, headers.items(), way, provider, trusted)))
        found |= {model.name: model for model in page.models}
        after = page.next
        if not after or len(found) >= MOST_MODELS:
            break
    return tuple(found.values())[:MOST_MODELS]


def headers_of(
    provider: Provider, format: Format, key: SecretStr | None
) -> Iterable[tuple[str, str]]:
    """Yield the headers of a request of the router's own."""
    yield from format.headers().items()
    if provider.host_header:
        yield "host", provider.host_header
    yield from key_headers(provider, format.name, key).items()
    for rule in provider.headers:
        if not rule.copy_of:
            yield rule.name.lower(), rule.value.get_secret_value()
