"""What real tools make of refusals: none of them may go on asking for ever.

`scripts/test --tools` runs all of them; no other run does.
"""

import pytest

from tests.integration.tools.clients import CLIENTS
from tests.integration.tools.clients import Client
from tests.integration.tools.conftest import Report
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.stage import REFUSALS
from tests.integration.tools.stage import Stage

MOST = 24
"""Requests that a tool may make of a refused model before it gives up."""


@pytest.mark.parametrize(
    "client", [c for c in CLIENTS if c.by_hand is None], ids=lambda client: client.name
)
@pytest.mark.parametrize("model", REFUSALS)
def test_a_refusal_ends_the_task(stage: Stage, report: Report, client: Client, model: str) -> None:
    report.skip_unless(False)
    try:
        outcome = stage.run(client, model, locked=True)
    except NotInstalled as error:
        report.skip_missing(client.tool, error)
    refused = [seen for seen in outcome.watched if seen.get("status") == REFUSALS[model]]
    ended = outcome.ended.status is not None and not outcome.done
    passed = ended and 0 < len(refused) <= MOST
    report.add(client.name, f"{model}, {len(refused)} requests", outcome, passed)
    assert passed, outcome.story()
    assert not outcome.requests, "a provider was asked"
