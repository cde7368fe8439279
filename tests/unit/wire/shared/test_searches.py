"""How many searches a provider ran is told where prices look for it."""

from switchyard.usage.pricing import searches_of
from switchyard.wire.model.conversation import Usage
from switchyard.wire.shared.searches import ran_searches


def test_prices_find_them() -> None:
    assert searches_of(Usage(extra=ran_searches(3))) == 3
