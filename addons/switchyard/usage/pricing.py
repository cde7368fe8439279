"""What a response costs: as its provider says, as the configuration says, or at list price.

Amounts are whole nano-dollars. Rates are whole pico-dollars a token, so that sums stay exact: one
US dollar a million tokens is a million of them.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from decimal import Decimal
from decimal import InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING
from typing import NamedTuple
from urllib.parse import urlsplit

from switchyard.usage.prices import find_price
from switchyard.usage.records import NANO
from switchyard.usage.records import Billing
from switchyard.usage.records import Tokens
from switchyard.usage.tokens import parts_of_usage
from switchyard.wire.model.conversation import Usage

if TYPE_CHECKING:
    from genai_prices.types import TieredPrices

_PICO_A_TOKEN = Decimal(1_000_000)
"""Of a dollar a million tokens."""
_PICO_A_CALL = Decimal(1_000_000_000)
"""Of a dollar a thousand calls."""
_PICO_A_NANO = 1000

_FIGURES = frozenset({"cost", "estimated_cost", "cost_in_usd_ticks"})
"""Members in which providers write what a response cost."""

_MOST_NANO = 1_000_000 * NANO
"""A price above a million dollars for one response is no price."""

_MOST_RATES = 2048
"""Rates that are kept at hand."""

type Context = tuple[tuple[str, str], ...]
"""What a price depends on besides the model, as genai-prices names it: `service_tier`,
`processing`, `speed`."""


@dataclass(frozen=True, slots=True)
class TokenRate:
    """Pico-dollars a token; a long prompt may raise it for all tokens."""

    base: int
    tiers: tuple[tuple[int, int], ...] = ()
    """Prompt tokens above which another rate holds, ascending."""

    def at(self, prompt: int) -> int:
        """Return the rate for a prompt of so many tokens."""
        rate = self.base
        for start, higher in self.tiers:
            if prompt > start:
                rate = higher
        return rate


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRates:
    """The rates of one model. None: as the class that it is a part of."""

    input: TokenRate
    output: TokenRate | None = None
    """None: output has no price."""
    cache_read: TokenRate | None = None
    cache_write: TokenRate | None = None
    cache_write_1h: TokenRate | None = None
    input_audio: TokenRate | None = None
    output_audio: TokenRate | None = None
    reasoning: TokenRate | None = None
    web_search: TokenRate | None = None
    """A search that the provider ran, in pico-dollars."""


@dataclass(frozen=True, slots=True)
class PricedModels:
    """The rates that the configuration gives some models."""

    provider: str | None
    """None: any."""
    matches: Callable[[str], bool]
    """Whether a model, by its provider's name, is one of them."""
    rates: ModelRates


class Bill(NamedTuple):
    """Nano-dollars; None where nobody knows."""

    cost: int | None = None
    """What is billed."""
    list_cost: int | None = None
    """What the tokens cost at list price."""
    source: str | None = None
    """Where the price comes from; None without one."""


UNKNOWN = Bill()


class Served(NamedTuple):
    """Who served a response, as far as its price depends on it."""

    provider: str
    model: str
    """The provider's own name."""
    url: str
    """The provider's address."""
    at: float
    """When the request began, in Unix seconds."""
    billing: Billing = "per-token"
    context: Context = ()


class Pricing:
    """Prices responses by the rules of one configuration."""

    def __init__(self, rules: Sequence[PricedModels] = ()) -> None:
        """`rules` come before the list prices; the first that fits counts."""
        self._rules = tuple(rules)
        self._rates: dict[tuple[str, str, str, int, Context], tuple[ModelRates | None, str]] = {}
        """What was looked up lately."""

    def bill(self, tokens: Tokens, usage: Usage | None, served: Served) -> Bill:
        """Return what a response costs. `usage` may hold the provider's own figure."""
        price, source = self._price(tokens, usage, served)
        if served.billing == "per-token":
            return Bill(price, price, source)
        known = tokens.input is not None or tokens.output is not None
        return Bill(0 if known else None, price, source)

    def rates(self, provider: str, model: str, url: str, at: float) -> ModelRates | None:
        """Return the rates of a model at a provider's address; None where nobody knows them."""
        for rule in self._rules:
            if rule.provider in (None, provider) and rule.matches(model):
                return rule.rates
        return list_rates(url, model, at)

    def _price(
        self, tokens: Tokens, usage: Usage | None, served: Served
    ) -> tuple[int | None, str | None]:
        figure = own_figure(usage.extra) if usage is not None else None
        if figure is not None and figure <= _MOST_NANO:
            return figure, "provider"
        # Some prices depend on the time of day.
        provider, model, url, at, _, context = served
        key = provider, model, url, int(at // 60), context
        if (found := self._rates.get(key)) is None:
            if len(self._rates) >= _MOST_RATES:
                self._rates.clear()
            found = self._rates[key] = self._look_up(served)
        rates, source = found
        price = None
        if rates is not None:
            price = price_of(tokens, rates, searches_of(usage))
            if price and usage is not None and "iterations" in usage.extra:
                price = _price_of_parts(parts_of_usage(tokens, usage), rates, searches_of(usage))
        return (None, None) if price is None or price > _MOST_NANO else (price, source)

    def _look_up(self, served: Served) -> tuple[ModelRates | None, str]:
        for rule in self._rules:
            if rule.provider in (None, served.provider) and rule.matches(served.model):
                return rule.rates, "config"
        return list_rates(served.url, served.model, served.at, served.context), _library()


def price_of(tokens: Tokens, rates: ModelRates, searches: int = 0) -> int | None:
    """Return what tokens cost, in nano-dollars; None where part of it has no price or no count."""
    if tokens.input is None or (tokens.output and rates.output is None):
        return None
    read, written = tokens.cache_read or 0, tokens.cache_write_5m or 0
    hour, output = tokens.cache_write_1h or 0, tokens.output or 0
    # What there is none of is not asked for: each request comes here.
    prompt = tokens.input + read + written + hour
    fresh, pico = tokens.input, 0
    if rates.input_audio is not None and (audio := min(tokens.input_audio or 0, fresh)):
        fresh -= audio
        pico += audio * rates.input_audio.at(prompt)
    write = rates.cache_write or rates.input
    pico += fresh * rates.input.at(prompt)
    if read:
        pico += read * (rates.cache_read or rates.input).at(prompt)
    if written:
        pico += written * write.at(prompt)
    if hour:
        pico += hour * (rates.cache_write_1h or write).at(prompt)
    if rates.output_audio is not None and (spoken := min(tokens.output_audio or 0, output)):
        output -= spoken
        pico += spoken * rates.output_audio.at(prompt)
    if rates.reasoning is not None and (thought := min(tokens.reasoning or 0, output)):
        output -= thought
        pico += thought * rates.reasoning.at(prompt)
    if rates.output is not None:
        pico += output * rates.output.at(prompt)
    if rates.web_search is not None:
        pico += searches * rates.web_search.base
    return (pico + _PICO_A_NANO // 2) // _PICO_A_NANO


def _price_of_parts(parts: Sequence[Tokens], rates: ModelRates, searches: int) -> int | None:
    """The price of tokens by the length of the prompt that each part was used for."""
    prices = [price_of(one, rates, 0 if place else searches) for place, one in enumerate(parts)]
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def rates_in_dollars(
    *,
    input: Decimal,
    output: Decimal,
    cache_read: Decimal | None = None,
    cache_write: Decimal | None = None,
    cache_write_1h: Decimal | None = None,
) -> ModelRates:
    """Return the rates of US dollars a million tokens."""
    return ModelRates(
        input=TokenRate(_pico(input)),
        output=TokenRate(_pico(output)),
        cache_read=None if cache_read is None else TokenRate(_pico(cache_read)),
        cache_write=None if cache_write is None else TokenRate(_pico(cache_write)),
        cache_write_1h=None if cache_write_1h is None else TokenRate(_pico(cache_write_1h)),
    )


def own_figure(extra: Mapping[str, object]) -> int | None:
    """Return the cost that a provider put into its usage, in nano-dollars; None for none.

    OpenRouter's `cost` ("Usage Accounting"; with the user's own key at the provider it is the fee,
    beside `cost_details.upstream_inference_cost`), Perplexity's `cost.total_cost`, DeepInfra's
    `estimated_cost`, xAI's `cost_in_usd_ticks` (10^10 a dollar).
    """
    if not extra:
        return None
    if not _FIGURES.isdisjoint(extra):
        return _figure_in(extra)
    for members in extra.values():
        if isinstance(members, dict) and not _FIGURES.isdisjoint(members):
            return _figure_in(members)
    return None


def _figure_in(members: Mapping[str, object]) -> int | None:
    cost = members.get("cost", members.get("estimated_cost"))
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if (figure := _nano(cost)) is None:
        ticks = _nano(members.get("cost_in_usd_ticks"))
        return None if ticks is None else ticks // 10**10
    details = members.get("cost_details")
    if members.get("is_byok") is True and isinstance(details, dict):
        figure += _nano(details.get("upstream_inference_cost")) or 0
    return figure


def context_of(usage: Usage | None, asked_tier: object) -> Context:
    """Return what the price depends on besides the model.

    The tier that the response names (`service_tier` and `speed`, as in Anthropic's usage), else the
    one that the request asked for by name: a provider may serve in another one than that.
    """
    extra = usage.extra if usage is not None else {}
    said = extra.get("service_tier")
    tier = said if isinstance(said, str) else asked_tier
    if tier is None and "speed" not in extra:
        return ()
    found: list[tuple[str, str]] = []
    if extra.get("speed") == "fast":
        found.append(("speed", "fast"))
    if tier == "batch":
        found.append(("processing", "batch"))
    elif isinstance(tier, str) and tier in ("flex", "priority", "fast", "default"):
        found.append(("service_tier", tier))
    return tuple(found)


def searches_of(usage: Usage | None) -> int:
    """Return the web searches that a provider ran, by the names of Anthropic's usage."""
    used = usage.extra.get("server_tool_use") if usage is not None and usage.extra else None
    count = used.get("web_search_requests") if isinstance(used, dict) else None
    return count if isinstance(count, int) and count > 0 else 0


def load_prices() -> None:
    """Load the library of list prices, which takes about half a second."""
    find_price("https://api.openai.com", "gpt-4o")
    _library()


def list_rates(url: str, model: str, at: float, context: Context = ()) -> ModelRates | None:
    """Return the list prices of a model at a provider's address; None where they are not known."""
    if not url.startswith("https://") or not model or len(model) > 200:
        return None
    return _list_rates(url, model, int(at // 60), context)


@lru_cache(maxsize=_MOST_RATES)
def _list_rates(url: str, model: str, minute: int, context: Context) -> ModelRates | None:
    """Some prices depend on the time of day, so that they are looked up for each minute."""
    priced = find_price(f"https://{urlsplit(url).netloc}", model)
    if priced is None:
        return None
    own = any(priced.model is one for one in priced.provider.models)
    try:
        moment = datetime.fromtimestamp(minute * 60, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    prices = vars(priced.model.get_prices(moment, dict(context) if own else None))
    fresh, output = _rate(prices.get("input_mtok")), _rate(prices.get("output_mtok"))
    if fresh is None or not (fresh.base or (output and output.base)):
        return None  # nothing is for nothing: the library does not know
    return ModelRates(
        input=fresh,
        output=output,
        cache_read=_rate(prices.get("cache_read_mtok")),
        cache_write=_rate(prices.get("cache_write_mtok")),
        cache_write_1h=_rate(prices.get("cache_write_1h_mtok")),
        input_audio=_rate(prices.get("input_audio_mtok")),
        output_audio=_rate(prices.get("output_audio_mtok")),
        reasoning=_rate(prices.get("output_reasoning_mtok")),
        web_search=_rate(prices.get("web_searches_kcount"), _PICO_A_CALL),
    )


def _rate(
    price: "Decimal | TieredPrices | None", unit: Decimal = _PICO_A_TOKEN
) -> TokenRate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return TokenRate(round(price * unit))
    return TokenRate(
        round(price.base * unit), tuple((one.start, round(one.price * unit)) for one in price.tiers)
    )


def _pico(dollars: Decimal) -> int:
    return round(dollars * _PICO_A_TOKEN)


def _nano(amount: object) -> int | None:
    """Nano-dollars of an amount in dollars that a provider wrote; None for what is no amount."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        return None
    try:
        dollars = Decimal(str(amount))
    except InvalidOperation:
        return None
    if not dollars.is_finite() or not 0 <= dollars < 10**15:
        return None
    return round(dollars * NANO)


@lru_cache(maxsize=1)
def _library() -> str:
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"
