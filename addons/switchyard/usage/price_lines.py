"""Shows how a response's price comes about: tokens of each class, their rate, their product."""

from dataclasses import dataclass

from switchyard.usage.pricing import ModelRates
from switchyard.usage.pricing import TokenRate
from switchyard.usage.records import NANO
from switchyard.usage.records import Tokens

_MILLION = 1_000_000
_PICO = 1000 * NANO
"""Of a dollar."""


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One class of tokens in a sum."""

    name: str
    tokens: int
    rate: float
    """US dollars a million tokens."""
    cost: float
    """US dollars."""


def price_lines(tokens: Tokens, rates: ModelRates) -> list[PriceLine]:
    """Return the classes of tokens that were used, each with its rate, as `price_of` counts them.

    What a provider's searches cost is not among them: records do not count those.
    """
    write = rates.cache_write or rates.input
    audio = min(tokens.input_audio or 0, tokens.input or 0) if rates.input_audio else 0
    output, parts = tokens.output or 0, []
    for name, count, rate in (
        ("output_audio", tokens.output_audio, rates.output_audio),
        ("reasoning", tokens.reasoning, rates.reasoning),
    ):
        if rate is not None:
            parts.append((name, min(count or 0, output), rate))
            output -= min(count or 0, output)
    classes: list[tuple[str, int, TokenRate | None]] = [
        ("input", (tokens.input or 0) - audio, rates.input),
        ("input_audio", audio, rates.input_audio),
        ("cache_read", tokens.cache_read or 0, rates.cache_read or rates.input),
        ("cache_write_5m", tokens.cache_write_5m or 0, write),
        ("cache_write_1h", tokens.cache_write_1h or 0, rates.cache_write_1h or write),
        *parts,
        ("output", output, rates.output),
    ]
    prompt = (tokens.input or 0) + sum(count for name, count, _ in classes if "cache" in name)
    return [_line(name, count, rate.at(prompt)) for name, count, rate in classes if count and rate]


def _line(name: str, count: int, pico: int) -> PriceLine:
    return PriceLine(name, count, pico * _MILLION / _PICO, count * pico / _PICO)
