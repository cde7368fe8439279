"""WebSockets to providers' own hosts: refused where others may have to answer, else passed on."""

import pytest

from tests.integration.e2e.intercept.world import ALONE
from tests.integration.e2e.intercept.world import CLAUDE
from tests.integration.e2e.intercept.world import CODEX
from tests.integration.e2e.intercept.world import COPILOT
from tests.integration.e2e.intercept.world import World
from tests.integration.e2e.intercept.world import at
from tests.integration.e2e.intercept.world import raw_request
from tests.support.steps import CUT
from tests.support.steps import Head


def _upgrade(token: str) -> dict[str, str]:
    return {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "authorization": f"Bearer {token}",
    }


def test_a_websocket_for_calls_is_refused_where_others_may_have_to_answer(
    world: World, token: str
) -> None:
    with world.client() as client:
        url = at(CODEX, "/backend-api/codex/responses")
        answer = client.get(url, headers=_upgrade(token))
    assert answer.status_code == 426


@pytest.mark.parametrize(
    ("host", "path"), [(ALONE, "/v1/responses"), (CLAUDE, "/api/ws/speech"), (COPILOT, "/ws")]
)
def test_other_websockets_pass_through(world: World, token: str, host: str, path: str) -> None:
    accepted = (("upgrade", "websocket"), ("connection", "Upgrade"),
                ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))  # fmt: skip
    upstream = world.copilot if host == COPILOT else world.home
    plan = upstream.on(None, (Head(101, accepted), CUT), path=path)
    status, _ = raw_request(world, host, path, _upgrade(token), b"")
    assert status == 101
    assert plan.requests[0].key == token
