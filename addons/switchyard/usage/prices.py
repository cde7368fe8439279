"""Computes what responses cost at their providers' list prices.

The prices are data of the library genai-prices; nothing is fetched. Loading it takes some time and
memory, so the first price that is needed loads it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import urlsplit

from switchyard.values.remembering import LONGEST
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo
    from genai_prices.types import Provider

_SAME_PRICES = {
    "api.together.ai": "https://api.together.xyz",
    "chatgpt.com": "https://api.openai.com",
}
"""Hosts that the library does not know, and the URL by which it knows whose models they serve."""

_MOST_KEPT = 512
"""Pairs of a host and a model whose prices are kept at hand."""

_COUNTS = ("input", "output", "cache_read", "cache_write", "reasoning", "input_audio",
           "output_audio")  # fmt: skip
_LIBRARY = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "input_audio": "input_audio_tokens",
    "output_audio": "output_audio_tokens",
}
"""The library's names for the counts here. Thinking is part of the output, and costs the same."""


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A model of the library, and the provider that it was looked up at."""

    provider: "Provider"
    model: "ModelInfo"


def tokens_of(usage: Usage) -> dict[str, int]:
    """The counts of a usage that are known, by their names there.

    `cache_write_1h` are those of `cache_write` that the Messages API keeps for an hour
    (`cache_creation.ephemeral_1h_input_tokens`), which cost more.
    """
    tokens = {name: count for name in _COUNTS if (count := getattr(usage, name)) is not None}
    written = usage.extra.get("cache_creation")
    hour = written.get("ephemeral_1h_input_tokens") if isinstance(written, dict) else None
    if isinstance(hour, int) and 0 < hour <= tokens.get("cache_write", 0):
        tokens["cache_write_1h"] = hour
    return tokens


def cost_of(tokens: Mapping[str, int], model: str, url: str, at: float) -> Decimal | None:
    """Return what tokens cost, in US dollars, at the list price of a model.

    `model` is the provider's own name, `tokens` come from `tokens_of`, `url` is the provider's
    address, `at` the time in Unix seconds. None where price or number of tokens is not known; never
    0.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not model or "input" not in tokens:
        return None
    priced = find_price(url, model)
    if priced is None:
        return None
    from genai_prices import Usage as Counts

    named = {_LIBRARY[name]: count for name, count in tokens.items() if name in _LIBRARY}
    try:
        counts = Counts(**named)
        moment = datetime.fromtimestamp(at, UTC)
        price = priced.model.calc_price(counts, priced.provider, genai_request_timestamp=moment)
    except (ValueError, OverflowError, OSError):
        return None  # counts that cannot be, or contradict each other
    rates = price.model_price
    if rates.input_mtok is None or (tokens.get("output") and rates.output_mtok is None):
        return None  # part of it has no price
    return price.total_price or None


def cost_of_call(facts: Mapping[str, Any], at: float) -> Decimal | None:
    """Return the cost of a call's response; `facts` come from `Annotation`."""
    tokens, model = facts.get("tokens"), facts.get("provider-model")
    origin = facts.get("provider-origin")
    if not isinstance(tokens, dict) or not isinstance(model, str) or not isinstance(origin, str):
        return None
    if not all(isinstance(count, int) and count >= 0 for count in tokens.values()):
        return None
    return cost_of(tokens, model, origin, at)


def cost_text(cost: Decimal | None) -> str:
    """A cost as people read it: `$0.0123 at list prices`; empty where it is not known."""
    if cost is None:
        return ""
    digits = max(2, 2 - cost.adjusted())
    return f"${cost:,.{digits}f} at list prices"


def cost_facts(cost: Decimal | None) -> JsonObject:
    """A cost as logs and exports have it."""
    return {} if cost is None else {"cost": {"usd": float(cost), "basis": "list prices"}}


def find_price(url: str, model: str) -> PricedModel | None:
    """Return the library's provider at a URL and its model; None where it does not know them."""
    url = _SAME_PRICES.get(urlsplit(url).hostname or "", url)
    return (_find_once if len(model) < LONGEST else _look_up)(url, model)


def _look_up(url: str, model: str) -> PricedModel | None:
    """Return the provider at a URL and its model.

    The library's own look-up keeps every name that it was ever asked for.
    """
    from genai_prices.data_snapshot import get_snapshot

    providers = get_snapshot().providers
    for provider in providers:
        if re.match(provider.api_pattern, url):
            found = provider.find_model(model, all_providers=providers)
            return None if found is None else PricedModel(provider, found)
    return None


_find_once = lru_cache(maxsize=_MOST_KEPT)(_look_up)
