"""Estimates what a call will use of each limit: that is reserved until it is known."""

from collections.abc import Callable

from switchyard.clients.expected import FIRST_OUTPUT
from switchyard.clients.expected import STRICT_OUTPUT
from switchyard.clients.expected import ExpectedOutput
from switchyard.clients.expected import answers_wanted
from switchyard.clients.expected import most_output
from switchyard.clients.key_rules import KeyRule
from switchyard.clients.plan_prices import PlanPrices
from switchyard.clients.plan_prices import PriceSources
from switchyard.clients.plan_prices import cost_of
from switchyard.config.provider import Provider
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.input_tokens import input_tokens
from switchyard.state.shared.quick_ledger import Figures
from switchyard.usage.pricing import Pricing
from switchyard.usage.records import Billing
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens

_ONE: Figures = (1, 0, 0, 0, 0)
"""A request that uses no tokens: a count, a file."""


class Estimates:
    """Estimates by the prices of one configuration, and by what keys used before."""

    def __init__(self, sources: PriceSources, expected: ExpectedOutput) -> None:
        self.prices = PlanPrices(sources)
        self._expected = expected

    def of(self, exchange: Exchange, rule: KeyRule) -> Figures:
        """Returns what a call reserves.

        What it may only perhaps need is cut to what the limits allow a single request.
        """
        call, plan = exchange.call, exchange.plan
        kind = call.endpoint.kind
        if kind == "count" or kind == "service" or plan is None:
            return _ONE
        input, output = input_tokens(call), 0
        if kind != "embed":
            output = self._output(exchange, rule)
        paid = output
        if (most := rule.most_output) is not None and output > most:
            output = most
            if not rule.strict:
                paid = most
        tokens = input + output
        if (most := rule.most_tokens) is not None and tokens > most:
            tokens = max(input, most)
        money = 0
        if rule.has_money:
            prices = self.prices.of(plan, call.credential)
            money = cost_of(prices, input, paid)
            if (most := rule.most_money) is not None and money > most and not rule.strict:
                money = max(cost_of(prices, input, 0), most)
        return (1, tokens, input, output, money)

    def _output(self, exchange: Exchange, rule: KeyRule) -> int:
        call = exchange.call
        most = most_output(call.body)
        if rule.strict:
            return most or STRICT_OUTPUT * answers_wanted(call.body)
        expected = self._expected.of(rule.owner, call.model) or FIRST_OUTPUT
        return expected if most is None or expected < most else most


def price_sources(
    pricing: Pricing,
    billing: Callable[[Provider, str | None], Billing],
    base_url: Callable[[Provider, str], str],
) -> PriceSources:
    """Returns what a configuration knows of prices."""
    return PriceSources(pricing=pricing, billing=billing, base_url=base_url)


def used_by(record: RequestRecord) -> Figures:
    """Returns what a request used, as its record has it.

    Money is the sum of what its attempts cost as far as that is known; a request that no provider
    was asked for counts as none.
    """
    if not record.attempts and not record.tries:
        return (0, 0, 0, 0, 0)
    return figures_of(record.tokens, sum([attempt.cost or 0 for attempt in record.tries]))


def figures_of(tokens: Tokens, money: int) -> Figures:
    """Returns what a request used that had these tokens and cost."""
    input = (tokens.input or 0) + (tokens.cache_read or 0)
    input += (tokens.cache_write_5m or 0) + (tokens.cache_write_1h or 0)
    output = tokens.output or 0
    return (1, input + output, input, output, money)
