"""What a configuration says of usage records: where they go, who is billed how, and prices."""

import ipaddress
import os
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from switchyard.config.fields import SOCKET_SCHEME
from switchyard.config.provider import Provider
from switchyard.config.schema import Config
from switchyard.recording.request_record import Rules
from switchyard.runtime.snapshot import Snapshot
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import default_folder
from switchyard.usage.plans import PaidPlan
from switchyard.usage.pricing import PricedModels
from switchyard.usage.pricing import Pricing
from switchyard.usage.pricing import rates_in_dollars
from switchyard.usage.records import Billing
from switchyard.usage.store import Retention

_KEYS = ("sk-", "AIza", "xai-", "gsk_", "hf_", "nvapi-")
"""How API keys begin, for whose use their makers bill."""
_LOGINS = ("sk-ant-oat", "sk-ant-sid")
"""How logins begin that look like keys: Claude's, of plans."""


def place_of(config: Config) -> RecordPlace | None:
    """Return where records are kept; None where the configuration has none kept."""
    if (settings := config.usage) is None:
        return None
    named = Path(settings.dir).expanduser() if settings.dir else None
    return RecordPlace(
        folder=named or default_folder(dict(os.environ)),
        retention=Retention(settings.keep, settings.max_size),
        server=settings.server.get_secret_value() if settings.server is not None else None,
    )


def plans_of(config: Config) -> tuple[PaidPlan, ...]:
    """Return the subscriptions that reports show."""
    plans: list[PaidPlan] = []
    for one in config.subscriptions:
        amount, currency = one.fee.split(" ")
        plans.append(PaidPlan(one.provider, one.host, Decimal(amount), currency, one.every))
    return tuple(plans)


def rules_of(snapshot: Snapshot) -> Rules:
    """Return how the requests of a configuration are billed and priced."""
    priced = [
        PricedModels(
            rule.provider,
            rule.models.matches,
            rates_in_dollars(
                input=rule.input,
                output=rule.output,
                cache_read=rule.cache_read,
                cache_write=rule.cache_write,
                cache_write_1h=rule.cache_write_1h,
            ),
        )
        for rule in snapshot.config.prices
    ]
    known: dict[str, Billing] = {}

    def billing(provider: Provider, credential: str | None) -> Billing:
        if credential is not None:
            return billing_of(provider, credential)
        if (found := known.get(provider.name)) is None:
            found = known[provider.name] = billing_of(provider)
        return found

    return Rules(pricing=Pricing(priced), billing=billing, base_url=snapshot.base_url)


def billing_of(provider: Provider, credential: str | None = None) -> Billing:
    """Return what a provider charges for.

    `credential` is the client's own where it is forwarded: a login belongs to a plan, an API key is
    billed for each token. Nothing is charged for what this machine serves.
    """
    if provider.billing is not None:
        return provider.billing
    if provider.builtin == "demo" or _is_local(provider):
        return "free"
    if provider.credentials == "forward" and credential is not None:
        is_key = credential.startswith(_KEYS) and not credential.startswith(_LOGINS)
        return "per-token" if is_key else "plan"
    return "per-token"


def _is_local(provider: Provider) -> bool:
    url = provider.base_url or next(iter(provider.base_urls.values()), "")
    if url.startswith(SOCKET_SCHEME):
        return True
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
