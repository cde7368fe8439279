import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices

from switchyard.usage.prices import cost_facts
from switchyard.usage.prices import cost_of
from switchyard.usage.prices import cost_of_call
from switchyard.usage.prices import cost_text
from switchyard.usage.prices import tokens_of
from switchyard.wire.model.conversation import Usage

AT = 1_790_000_000.0
"""Within September 2026."""
CLAUDE = "claude-sonnet-4-5", "https://api.anthropic.com"
GPT = "gpt-5", "https://api.openai.com"


def rate(provider: str, model: str, name: str) -> Decimal:
    """Dollars a token, for short prompts, as the library's data says."""
    found = next(one for one in get_snapshot().providers if one.id == provider)
    info = found.find_model(model)
    assert info is not None and not isinstance(info.prices, list)
    price = getattr(info.prices, f"{name}_mtok")
    price = price.base if isinstance(price, TieredPrices) else price
    assert price is not None and price > 0
    return price / 1_000_000


def cost(usage: Usage, model: str, url: str) -> Decimal | None:
    return cost_of(tokens_of(usage), model, url, AT)


def test_tokens_cost_what_the_list_says() -> None:
    usage = Usage(input=1000, output=200, reasoning=150)
    wanted = 1000 * rate("openai", "gpt-5", "input") + 200 * rate("openai", "gpt-5", "output")
    assert cost(usage, *GPT) == wanted


def test_tokens_from_and_into_a_cache_have_prices_of_their_own() -> None:
    usage = Usage(input=1000, output=10, cache_read=600, cache_write=300)
    name = CLAUDE[0]
    wanted = (
        100 * rate("anthropic", name, "input")
        + 600 * rate("anthropic", name, "cache_read")
        + 300 * rate("anthropic", name, "cache_write")
        + 10 * rate("anthropic", name, "output")
    )
    assert cost(usage, *CLAUDE) == wanted


def test_what_is_cached_for_an_hour_costs_more() -> None:
    extra = {"cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}}
    usage = Usage(input=1000, output=0, cache_write=300, extra=extra)
    name = CLAUDE[0]
    wanted = (
        700 * rate("anthropic", name, "input")
        + 100 * rate("anthropic", name, "cache_write")
        + 200 * rate("anthropic", name, "cache_write_1h")
    )
    assert cost(usage, *CLAUDE) == wanted


def test_long_prompts_cost_what_the_list_says_of_those() -> None:
    model, url = CLAUDE
    short, long = (cost(Usage(input=n, output=0), model, url) for n in (100_000, 900_000))
    assert short == 100_000 * rate("anthropic", model, "input")
    assert long is not None and short is not None and long > 9 * short


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("gpt-99-of-my-own", "https://api.openai.com"),
        ("", "https://api.openai.com"),
        ("gpt-5", "https://llm.example.com/v1"),
        ("gpt-5", "http://127.0.0.1:8000/v1"),
        ("gpt-5", "https://localhost/v1"),
        ("gpt-5", "http://api.openai.com/v1"),
        ("gpt-5", "https://api.anthropic.com"),
        ("gpt-5", ""),
        # The list has no price for it.
        ("deepseek/deepseek-r1:free", "https://openrouter.ai"),
    ],
)
def test_what_has_no_list_price_has_no_cost(model: str, url: str) -> None:
    assert cost(Usage(input=1000, output=100), model, url) is None


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(output=5),
        Usage(input=0, output=0),
        Usage(input=10, output=1, cache_read=11),
        Usage(input=10, output=1, cache_read=-1),
    ],
)
def test_counts_that_are_missing_or_wrong_have_no_cost(usage: Usage) -> None:
    assert cost(usage, *CLAUDE) is None


def test_output_without_a_price_leaves_no_cost() -> None:
    model, url = "text-embedding-3-small", "https://api.openai.com"
    assert cost(Usage(input=1000), model, url) == 1000 * rate("openai", model, "input")
    assert cost(Usage(input=1000, output=5), model, url) is None


@pytest.mark.parametrize(
    ("known", "also"),
    [
        ("https://api.together.xyz", "https://api.together.ai"),
        ("https://api.openai.com", "https://chatgpt.com/backend-api/codex/responses"),
    ],
)
def test_a_providers_other_hosts_have_its_prices(known: str, also: str) -> None:
    model = "gpt-5" if "openai" in known else "openai/gpt-oss-120b"
    usage = Usage(input=1000, output=100)
    assert cost(usage, model, also) == cost(usage, model, known) is not None


def test_a_calls_facts_say_what_it_cost() -> None:
    tokens = tokens_of(Usage(input=1000, output=200))
    facts = {"tokens": tokens, "provider-model": GPT[0], "provider-origin": GPT[1]}
    assert cost_of_call(facts, AT) == cost_of(tokens, *GPT, AT) is not None
    for name in facts:
        assert cost_of_call({key: facts[key] for key in facts if key != name}, AT) is None


@pytest.mark.parametrize("tokens", [[], {"input": "1"}, {"input": -1}, {"input": None}, {}])
def test_facts_of_any_kind_are_read(tokens: Any) -> None:
    facts = {"tokens": tokens, "provider-model": GPT[0], "provider-origin": GPT[1]}
    assert cost_of_call(facts, AT) is None
    assert cost_of_call({**facts, "tokens": {"input": 1}}, 1e300) is None


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        ("0.0123", "$0.0123 at list prices"),
        ("0.00003249", "$0.0000325 at list prices"),
        ("0.5", "$0.500 at list prices"),
        ("1.005", "$1.00 at list prices"),
        ("1234.5", "$1,234.50 at list prices"),
        (None, ""),
    ],
)
def test_costs_are_told_with_three_digits(cost: str | None, text: str) -> None:
    assert cost_text(None if cost is None else Decimal(cost)) == text


def test_facts_of_a_cost_are_plain_data() -> None:
    assert cost_facts(None) == {}
    told = json.loads(json.dumps(cost_facts(Decimal("0.0123"))))
    assert told == {"cost": {"usd": 0.0123, "basis": "list prices"}}


def test_the_library_is_loaded_for_a_price_only_and_asks_nobody() -> None:
    script = """
import socket, sys
import switchyard.pipeline
from switchyard.usage.prices import cost_of
assert cost_of({"input": 1, "output": 1}, "m", "http://127.0.0.1:1/v1", 1.0) is None
assert "genai_prices" not in sys.modules
def refuse(*args, **kwargs): raise AssertionError("the network is asked")
socket.socket.connect = socket.getaddrinfo = refuse
assert cost_of({"input": 1, "output": 1}, "gpt-5", "https://api.openai.com", 1.0e9)
assert "genai_prices" in sys.modules
"""
    root = Path(__file__).parents[3] / "addons"
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, timeout=60)
