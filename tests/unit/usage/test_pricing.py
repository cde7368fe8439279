"""What responses cost, worked out by hand and compared with the library of list prices."""

import json
from datetime import UTC
from datetime import datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as Counts
from hypothesis import given
from hypothesis import strategies as st

from switchyard.usage.prices import find_price
from switchyard.usage.pricing import Bill
from switchyard.usage.pricing import Context
from switchyard.usage.pricing import PricedModels
from switchyard.usage.pricing import Pricing
from switchyard.usage.pricing import Served
from switchyard.usage.pricing import context_of
from switchyard.usage.pricing import list_rates
from switchyard.usage.pricing import own_figure
from switchyard.usage.pricing import price_of
from switchyard.usage.pricing import rates_in_dollars
from switchyard.usage.pricing import searches_of
from switchyard.usage.records import Billing
from switchyard.usage.records import Tokens
from switchyard.usage.tokens import tokens_of_usage
from switchyard.values.globs import Globs
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.registry import FORMATS
from tests.unit.wire.laws import ASKED

CHAT, RESPONSES = FORMATS["openai-chat"], FORMATS["openai-responses"]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
ANTHROPIC = "https://api.anthropic.com"
OPENAI = "https://api.openai.com/v1"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta"
NOWHERE = "https://llm.example/v1"


def served(model: str, url: str, billing: Billing = "per-token", context: Context = ()) -> Served:
    return Served(provider="p", model=model, url=url, at=NOW, billing=billing, context=context)


def rule(**dollars: str) -> PricedModels:
    rates = rates_in_dollars(**{name: Decimal(amount) for name, amount in dollars.items()})
    return PricedModels("p", Globs(["acme-*"]).matches, rates)


SONNET = "claude-sonnet-4-5"
"""$3 in, $15 out, reads $0.30, writes $3.75 and $6; above 200,000 tokens of prompt: $6, $22.50,
$0.60, $7.50 and $12."""

FIXTURES: dict[str, tuple[Tokens, Served, int | None]] = {
    "plain": (Tokens(input=1000, output=100), served(SONNET, ANTHROPIC), 4_500_000),
    "cache read": (
        Tokens(input=1000, cache_read=9000, output=100), served(SONNET, ANTHROPIC),
        3_000_000 + 2_700_000 + 1_500_000,
    ),
    "written for five minutes": (
        Tokens(input=10, cache_write_5m=2000, output=1), served(SONNET, ANTHROPIC),
        30_000 + 7_500_000 + 15_000,
    ),
    "written for an hour": (
        Tokens(input=10, cache_write_1h=2000, output=1), served(SONNET, ANTHROPIC),
        30_000 + 12_000_000 + 15_000,
    ),
    "both writes and a read": (
        Tokens(input=1, cache_read=1, cache_write_5m=1, cache_write_1h=1, output=1),
        served(SONNET, ANTHROPIC), 3_000 + 300 + 3_750 + 6_000 + 15_000,
    ),
    "just below the tier": (
        Tokens(input=200_000, output=1000), served(SONNET, ANTHROPIC), 600_000_000 + 15_000_000,
    ),
    "above the tier": (
        Tokens(input=200_001, output=1000), served(SONNET, ANTHROPIC), 1_200_006_000 + 22_500_000,
    ),
    "cached tokens count for the tier": (
        Tokens(input=1, cache_read=200_000, output=1), served(SONNET, ANTHROPIC),
        6_000 + 120_000_000 + 22_500,
    ),
    "batch": (
        Tokens(input=1000, output=100),
        served(SONNET, ANTHROPIC, context=(("processing", "batch"),)), 2_250_000,
    ),
    "reasoning is output": (
        Tokens(input=1000, output=500, reasoning=400), served("gpt-5", OPENAI),
        1_250_000 + 5_000_000,
    ),
    "cached input of OpenAI": (
        Tokens(input=400, cache_read=600, output=10), served("gpt-5", OPENAI),
        500_000 + 75_000 + 100_000,
    ),
    "the priority tier": (
        Tokens(input=1000, output=100),
        served("gpt-5", OPENAI, context=(("service_tier", "priority"),)), 2_500_000 + 2_000_000,
    ),
    "the flex tier": (
        Tokens(input=1000, cache_read=1000, output=100),
        served("gpt-5", OPENAI, context=(("service_tier", "flex"),)), 625_000 + 62_500 + 500_000,
    ),
    "a dated name": (
        Tokens(input=1000, output=100), served("claude-sonnet-4-5-20250929", ANTHROPIC), 4_500_000,
    ),
    "no output": (Tokens(input=1000, output=0), served(SONNET, ANTHROPIC), 3_000_000),
    "an unknown model": (Tokens(input=1000, output=1), served("acme-9", ANTHROPIC), None),
    "an unknown provider": (Tokens(input=1000, output=1), served(SONNET, NOWHERE), None),
    "unknown counts": (Tokens(output=100), served(SONNET, ANTHROPIC), None),
    "a third of a nano-dollar": (
        Tokens(input=1, output=0), served("gpt-5", OPENAI), 1_250,
    ),
    "nothing": (Tokens(), served(SONNET, ANTHROPIC), None),
}  # fmt: skip


@pytest.mark.parametrize("name", FIXTURES)
def test_costs_worked_out_by_hand(name: str) -> None:
    tokens, by, cost = FIXTURES[name]
    bill = Pricing().bill(tokens, None, by)
    assert (bill.cost, bill.list_cost) == (cost, cost)
    assert (bill.source or "none").startswith("genai-prices " if cost is not None else "none")


def test_a_plan_covers_what_the_list_says() -> None:
    tokens = Tokens(input=1000, output=100)
    bill = Pricing().bill(tokens, None, served(SONNET, ANTHROPIC, "plan"))
    assert (bill.cost, bill.list_cost) == (0, 4_500_000)
    unknown = Pricing().bill(tokens, None, served("acme-9", NOWHERE, "plan"))
    assert (unknown.cost, unknown.list_cost, unknown.source) == (0, None, None)


def test_what_is_free_costs_nothing() -> None:
    assert Pricing().bill(Tokens(input=1, output=1), None, served("m", NOWHERE, "free")).cost == 0
    assert Pricing().bill(Tokens(), None, served("m", NOWHERE, "free")) == Bill()


def test_the_configuration_comes_before_the_list() -> None:
    pricing = Pricing([rule(input="0.60", output="2.20", cache_read="0.11")])
    tokens = Tokens(input=1000, cache_read=1000, cache_write_1h=10, output=100)
    bill = pricing.bill(tokens, None, served("acme-9", NOWHERE))
    assert bill == Bill(600_000 + 110_000 + 6_000 + 220_000, bill.list_cost, "config")
    assert bill.cost == bill.list_cost
    assert pricing.bill(tokens, None, served("other", NOWHERE)) == Bill()


def test_the_providers_own_figure_comes_first() -> None:
    pricing = Pricing([rule(input="1", output="1")])
    usage = Usage(input=1, output=1, extra={"openai-chat": {"cost": 0.0125}})
    bill = pricing.bill(Tokens(input=1, output=1), usage, served("acme-9", NOWHERE))
    assert bill == Bill(12_500_000, 12_500_000, "provider")


@pytest.mark.parametrize(
    ("members", "figure"),
    [
        ({"cost": 0.1}, 100_000_000),
        ({"cost": 0}, 0),
        ({"cost": "0.25"}, 250_000_000),
        ({"cost": {"total_cost": 0.006}}, 6_000_000),
        ({"estimated_cost": 1e-06}, 1_000),
        ({"cost_in_usd_ticks": 123_000_000}, 12_300_000),
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
            210_000_000,
        ),
        ({"cost": None}, None),
        ({"cost": -1}, None),
        ({"cost": "much"}, None),
        ({"cost": True}, None),
        ({"cost": float("nan")}, None),
        ({}, None),
    ],
)
def test_own_figures(members: dict[str, object], figure: int | None) -> None:
    assert own_figure(members) == figure
    assert own_figure({"openai-chat": members}) == figure


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.floats(),
        lambda inner: st.dictionaries(st.sampled_from(["cost", "cost_details", "is_byok"]), inner),
    )
)
def test_no_figure_raises(value: object) -> None:
    own_figure({"x": value, "cost": value})


def test_what_a_price_depends_on() -> None:
    assert context_of(Usage(extra={"service_tier": "batch"}), None) == (("processing", "batch"),)
    assert context_of(Usage(extra={"speed": "fast"}), None) == (("speed", "fast"),)
    assert context_of(Usage(), "flex") == (("service_tier", "flex"),)
    assert context_of(Usage(extra={"service_tier": "standard"}), "priority") == ()
    assert context_of(None, "auto") == ()


@pytest.mark.parametrize("served", ["default", "flex", "priority"])
def test_the_tier_that_served_a_response_counts(served: str) -> None:
    counts = {"prompt_tokens": 9, "completion_tokens": 1}
    chunk = {"id": "c", "choices": [], "usage": counts, "service_tier": served}
    reader = CHAT.stream_reader()
    reader.feed(Frame(json.dumps({**chunk, "choices": [{"index": 0, "delta": {}}]}).encode()))
    streamed = [e.usage for e in reader.feed(Frame(json.dumps(chunk).encode()))
                if isinstance(e, UsageUpdate)]  # fmt: skip
    whole = {**chunk, "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}]}
    response = {"status": "completed", "output": [], "service_tier": served,
                "usage": {"input_tokens": 9, "output_tokens": 1}}  # fmt: skip
    gemini = {"candidates": [{"content": {"parts": [{"text": "x"}]}}],
              "usageMetadata": {"promptTokenCount": 9, "serviceTier": served}}  # fmt: skip
    told = [*streamed, CHAT.read_reply(whole).usage, RESPONSES.read_reply(response).usage,
            FORMATS["gemini"].read_reply(gemini).usage]  # fmt: skip
    assert [context_of(one, "priority") for one in told] == [(("service_tier", served),)] * 4


def test_searches_of_the_web_that_openai_ran() -> None:
    def call(action: object) -> dict[str, object]:
        return {"type": "web_search_call", "id": "w", "status": "completed", "action": action}

    actions = [{"type": "search", "query": "q"}, {"type": "open_page"}, {"type": "search"}]
    response = {"status": "completed", "output": [call(one) for one in actions],
                "usage": {"input_tokens": 9, "output_tokens": 1}}  # fmt: skip
    usage = RESPONSES.read_reply(response).usage
    assert searches_of(usage) == 2
    assert (
        RESPONSES.write_reply(RESPONSES.read_reply(response), ASKED)["usage"] == response["usage"]
    )
    bill = Pricing().bill(Tokens(input=9, output=1), usage, served("gpt-5", OPENAI))
    assert bill.cost == 9 * 1_250 + 10_000 + 2 * 10_000_000  # $10 a thousand


def test_searches_of_the_provider() -> None:
    usage = Usage(input=1, output=1, extra={"server_tool_use": {"web_search_requests": 3}})
    bill = Pricing().bill(Tokens(input=1000, output=100), usage, served(SONNET, ANTHROPIC))
    assert bill.cost == 4_500_000 + 30_000_000


MODELS = [
    (ANTHROPIC, SONNET),
    (ANTHROPIC, "claude-opus-4-5"),
    (ANTHROPIC, "claude-haiku-4-5"),
    (OPENAI, "gpt-5"),
    (OPENAI, "gpt-4o"),
    (OPENAI, "o3"),
    (GOOGLE, "gemini-2.5-pro"),
    (GOOGLE, "gemini-2.5-flash-lite"),
    ("https://api.deepseek.com", "deepseek-chat"),
    ("https://api.x.ai/v1", "grok-4"),
    ("https://api.moonshot.ai/v1", "kimi-k2-0905-preview"),
]
counts = st.integers(0, 400_000)


@given(st.sampled_from(MODELS), counts, counts, counts, counts, counts)
def test_prices_are_the_librarys(
    where: tuple[str, str], fresh: int, read: int, written: int, hour: int, output: int
) -> None:
    url, model = where
    rates, priced = list_rates(url, model, NOW), find_price(url, model)
    assert rates is not None and priced is not None, json.dumps(where)
    tokens = Tokens(
        input=fresh, cache_read=read, cache_write_5m=written, cache_write_1h=hour, output=output
    )
    library = priced.model.calc_price(
        Counts(
            input_tokens=fresh + read + written + hour,
            cache_read_tokens=read,
            cache_write_tokens=written + hour,
            cache_write_1h_tokens=hour,
            output_tokens=output,
        ),
        priced.provider,
        genai_request_timestamp=datetime.fromtimestamp(NOW, UTC),
    )
    price = price_of(tokens, rates)
    assert price is not None
    assert abs(Decimal(price) / 10**9 - library.total_price) <= Decimal("1e-9")


def test_a_price_that_cannot_be() -> None:
    usage = Usage(input=1, output=1, extra={"openai-chat": {"cost": 1e14}})
    bill = Pricing().bill(Tokens(input=1, output=1), usage, served("m", NOWHERE))
    assert bill.cost is None
    dear = Pricing([rule(input="999999999", output="1")])
    assert dear.bill(Tokens(input=10**12, output=1), None, served("acme-9", NOWHERE)) == Bill()


def test_a_compaction_is_priced_by_its_own_prompt() -> None:
    """150,000 tokens summed up and 100,000 answered are no prompt of 250,000."""
    compaction = {"type": "compaction", "input_tokens": 150_000, "output_tokens": 1000}
    usage = Usage(input=100_000, output=2000, extra={"iterations": [compaction]})
    bill = Pricing().bill(tokens_of_usage(usage), usage, served(SONNET, ANTHROPIC))
    assert bill.cost == 250_000 * 3_000 + 3000 * 15_000
    long = {**compaction, "input_tokens": 300_000}
    usage = Usage(input=100_000, output=2000, extra={"iterations": [long]})
    bill = Pricing().bill(tokens_of_usage(usage), usage, served(SONNET, ANTHROPIC))
    assert bill.cost == 100_000 * 3_000 + 2000 * 15_000 + 300_000 * 6_000 + 1000 * 22_500
