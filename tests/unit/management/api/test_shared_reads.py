"""Pages that ask for the same share one answer, as old as each of them allows."""

import asyncio
from collections.abc import Mapping

import httpx2
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from switchyard.management.api.shared_reads import SharedReads
from switchyard.management.caller import Caller
from switchyard.management.caller import ManagementRole

SHARES = {"cache-control": "max-age=2"}
USAGE = "/v0/management/usage?bucket=day"


class Counting:
    """An application that counts what it is asked, behind what shares its answers."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.role: ManagementRole | None = "admin"
        self._shared = SharedReads(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"caller": Caller(peer="127.0.0.1", role=self.role)}
        await self._shared(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.status == 0:
            raise ValueError("broken")
        await JSONResponse({"n": self.asked}, self.status)(scope, receive, send)


async def ask(app: Counting, path: str = USAGE, headers: Mapping[str, str] = SHARES) -> int:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return (await client.get(path, headers=headers)).json()["n"]


async def test_reads_at_once_share_an_answer() -> None:
    app = Counting()
    assert await asyncio.gather(*(ask(app) for _ in range(10))) == [1] * 10
    assert await ask(app) == 1
    assert await ask(app, f"{USAGE}&by=model") == 2


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (USAGE, {}),
        (USAGE, {"cache-control": "no-cache"}),
        (USAGE, {"cache-control": "max-age=0"}),
        ("/v0/management/records?format=jsonl", SHARES),
        ("/v0/management/session", SHARES),
        ("/v0/management/usage/", SHARES),
    ],
)
async def test_other_reads_get_their_own(path: str, headers: Mapping[str, str]) -> None:
    app = Counting()
    assert [await ask(app, path, headers) for _ in range(2)] == [1, 2]


async def test_an_answer_is_shared_by_one_role_alone() -> None:
    app = Counting()
    assert await ask(app) == 1
    app.role = "viewer"
    assert await ask(app) == 2
    app.role = None
    assert [await ask(app) for _ in range(2)] == [3, 4]


async def test_an_old_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app, clock = Counting(), [1000.0]
    monkeypatch.setattr("switchyard.management.api.shared_reads.time.monotonic", lambda: clock[0])
    long = {"cache-control": "max-age=999999"}
    assert await ask(app) == 1
    clock[0] += 2.5
    assert await ask(app, headers=long) == 1
    assert await ask(app) == 2
    clock[0] += 5.5
    assert await ask(app, headers=long) == 3


async def test_no_failure_is_kept() -> None:
    app = Counting()
    app.status = 503
    assert [await ask(app) for _ in range(2)] == [1, 2]
    app.status = 0
    with pytest.raises(ValueError, match="broken"):
        await ask(app)
    app.status = 200
    assert await ask(app) == 4
