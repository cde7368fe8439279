"""What real tools make of refusals: none of them may go on asking for ever.

`scripts/test --tools` runs all of them; no other run does.
"""

import pytest

from tests.integration.tools.clients import CLIENTS
from tests.integration.tools.clients import Client
from tests.integration.tools.conftest import Report
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.stage import CLIENT_KEY
from tests.integration.tools.stage import REFUSALS
from tests.integration.tools.stage import WRONG_KEY
from tests.integration.tools.stage import Stage

REQUESTS = {
    "claude": {},
    "codex": {401: 6, 402: 6, 403: 6, 413: 6},
    "gemini": {},
    "qwen": {},
    "opencode": {401: 2, 402: 2, 403: 2, 413: 3, 429: 4},
    "cline": {429: 6},
    "pi": {429: 4},
    "aider": {402: 9, 403: 9, 429: 9},
}
"""The most requests that a tool made of a refused model, by status; one where none stands."""
WITHIN = 90.0
"""Seconds that a tool may take to give up."""
WAITING = ("codex", "qwen", "opencode")
"""Tools that wait after a 429 for as long as `Retry-After` says, which is a day here."""


@pytest.mark.parametrize(
    "client", [c for c in CLIENTS if c.by_hand is None], ids=lambda client: client.name
)
@pytest.mark.parametrize(("case", "status"), [("wrong-key", 401), *REFUSALS.items()])
def test_a_refusal_ends_the_task(
    stage: Stage, report: Report, client: Client, case: str, status: int
) -> None:
    report.skip_unless(False)
    model, key = (case, CLIENT_KEY) if case in REFUSALS else ("spent", WRONG_KEY)
    try:
        outcome = stage.run(client, model, locked=True, key=key, within=WITHIN)
    except NotInstalled as error:
        report.skip_missing(client.tool, error)
    refused = [seen for seen in outcome.watched if seen.get("status") == status]
    ended = outcome.ended.status is not None or (status == 429 and client.name in WAITING)
    most = REQUESTS[client.name].get(status, 1)
    passed = ended and not outcome.done and 0 < len(refused) <= most
    report.add(client.name, f"{status}, {len(refused)} requests", outcome, passed)
    assert passed, outcome.story()
    assert not outcome.requests, "a provider was asked"
