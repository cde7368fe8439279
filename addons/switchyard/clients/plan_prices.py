"""What a request may cost, by the members of its plan: for what is reserved of budgets."""

import logging
import time
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import SecretStr

from switchyard.config.provider import Provider
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.usage.pricing import Pricing
from switchyard.usage.pricing import TokenRate
from switchyard.usage.records import Billing

logger = logging.getLogger(__name__)

KEEP = 60.0
"""Seconds for which the prices of a plan are kept: some depend on the time of day."""

_MOST_PLANS = 2000
_MOST_TOLD = 100
_PICO_A_NANO = 1000
_FREE_MODEL = ":free"
"""How OpenRouter's models end that cost nothing."""

type TokenPrices = tuple[TokenRate, TokenRate]
"""Of input and output."""

_NOTHING = TokenRate(0)
NO_PRICE: TokenPrices = (_NOTHING, _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSources:
    """What a configuration knows of prices."""

    pricing: Pricing
    billing: Callable[[Provider, str | None], Billing]
    """By a provider and the credential that a client's request is forwarded with."""
    base_url: Callable[[Provider, str], str]


class PlanPrices:
    """Prices of plans; the dearest member's, since a request may fail over to it."""

    def __init__(self, sources: PriceSources) -> None:
        self._sources = sources
        self._known: dict[int, tuple[Plan, float, TokenPrices]] = {}
        """By the identity of plans, which are held so that it stays theirs."""
        self._unknown: set[tuple[str, str]] = set()
        """Providers' models that the log has named as having no price."""

    def of(self, plan: Plan, credential: SecretStr | None = None) -> TokenPrices:
        """Returns the rates of input and output; 0 where they are not known."""
        now = time.time()
        known = self._known.get(id(plan))
        if known is not None and known[0] is plan and known[1] > now:
            return known[2]
        secret = credential.get_secret_value() if credential is not None else None
        found = [self._price(target, secret, now) for target in plan.targets]
        prices = (_dearest(one[0] for one in found), _dearest(one[1] for one in found))
        if not any(target.provider.credentials == "forward" for target in plan.targets):
            if len(self._known) >= _MOST_PLANS:
                self._known.clear()
            self._known[id(plan)] = (plan, now + KEEP, prices)
        return prices

    def is_free(self, target: ModelTarget, credential: str | None = None) -> bool:
        """Whether a target costs the router's owner nothing for a token.

        So it is with what this machine serves, plans with a fee, a client's own login, and models
        whose price is set to 0.
        """
        if self._billing(target, credential) != "per-token":
            return True
        if target.model.endswith(_FREE_MODEL):
            return True
        rates = self._rates(target, time.time())
        return rates is not None and rates == NO_PRICE

    def _billing(self, target: ModelTarget, credential: str | None) -> Billing:
        forwarded = target.provider.credentials == "forward"
        return self._sources.billing(target.provider, credential if forwarded else None)

    def _price(self, target: ModelTarget, credential: str | None, now: float) -> TokenPrices:
        if self._billing(target, credential) != "per-token":
            return NO_PRICE
        rates = self._rates(target, now)
        if rates is None:
            self._tell_unknown(target)
        return rates or NO_PRICE

    def _tell_unknown(self, target: ModelTarget) -> None:
        """Logs once that budgets do not count a model. Clients choose names: a few are enough."""
        name = target.provider.name, target.model
        if name not in self._unknown and len(self._unknown) < _MOST_TOLD:
            self._unknown.add(name)
            logger.warning(
                "switchyard: no price of %s/%s is known, so budgets do not count it. "
                "Give it one by prices",
                *name,
            )

    def _rates(self, target: ModelTarget, now: float) -> TokenPrices | None:
        provider = target.provider
        format = provider.formats[0] if provider.formats else ""
        url = self._sources.base_url(provider, format)
        rates = self._sources.pricing.rates(provider.name, target.model, url, now)
        if rates is None:
            return None
        return rates.input, rates.output or _NOTHING


def cost_of(prices: TokenPrices, input: int, output: int) -> int:
    """Returns nano-dollars of so many tokens, rounded up."""
    pico = input * prices[0].at(input) + output * prices[1].at(input)
    return -(-pico // _PICO_A_NANO)


def _dearest(rates: Iterable[TokenRate]) -> TokenRate:
    return max(rates, key=lambda rate: rate.base, default=_NOTHING)
