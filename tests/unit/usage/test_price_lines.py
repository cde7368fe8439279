from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.usage.price_lines import price_lines
from switchyard.usage.pricing import ModelRates
from switchyard.usage.pricing import TokenRate
from switchyard.usage.pricing import price_of
from switchyard.usage.pricing import rates_in_dollars
from switchyard.usage.records import NANO
from switchyard.usage.records import Tokens

COUNTS = st.integers(0, 1_000_000)
RATES = st.builds(TokenRate, st.integers(1, 90_000_000), st.just(((200_000, 95_000_000),)))
MODELS = st.builds(
    ModelRates, input=RATES, output=RATES, **dict.fromkeys(
        ["cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio", "reasoning"],
        st.none() | RATES,
    ),
)  # fmt: skip
TOKENS = st.builds(
    Tokens, input=COUNTS, output=COUNTS, **dict.fromkeys(
        ["cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "output_audio",
         "reasoning"], st.none() | COUNTS,
    ),
)  # fmt: skip


@settings(max_examples=60)
@given(TOKENS, MODELS)
def test_lines_add_up_to_the_price(tokens: Tokens, rates: ModelRates) -> None:
    total = price_of(tokens, rates)
    assert total is not None
    cost = sum(line.cost for line in price_lines(tokens, rates))
    assert cost == pytest.approx(total / NANO, abs=1 / NANO)


def test_a_line_has_count_rate_and_cost() -> None:
    rates = rates_in_dollars(input=Decimal(3), output=Decimal(15), cache_read=Decimal("0.3"))
    lines = price_lines(Tokens(input=1000, cache_read=9000, output=100), rates)
    assert [(one.name, one.tokens, one.rate) for one in lines] == [
        ("input", 1000, 3.0),
        ("cache_read", 9000, 0.3),
        ("output", 100, 15.0),
    ]
    assert [one.cost for one in lines] == pytest.approx([0.003, 0.0027, 0.0015])


def test_nothing_used_has_no_lines() -> None:
    rates = rates_in_dollars(input=Decimal(3), output=Decimal(15))
    assert price_lines(Tokens(), rates) == []
