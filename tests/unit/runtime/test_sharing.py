"""Two routers in one process share what they know by a state that a third serves."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio

from switchyard.config.state_settings import StateSettings
from switchyard.engine.workers import STATE
from switchyard.policy.failures import Verdict
from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import QuotaLimit
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey
from switchyard.policy.shared_turns import NotYet
from switchyard.policy.trail import RetryLimits
from switchyard.policy.trail import Trail
from switchyard.policy.trail import Try
from switchyard.runtime.sharing import Sharing
from switchyard.runtime.state import State
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.served import StateServer
from switchyard.usage.ledger import Ledger
from switchyard.usage.windows import Window

KEY = TargetKey("p", "p#0", "m")
REFUSED = Verdict(cls="credential", scope="key", announced=False, rule="")


class Process:
    def __init__(self, where: str) -> None:
        self.state, self.ledger = State(), Ledger()
        self.sharing = Sharing(self.state, self.ledger, {STATE: where})
        self.sharing.use(StateSettings())

    async def choose(self, route: Route) -> tuple[Try | object, Trail]:
        trail = self.state.begin_trail(route, RetryLimits(request_retry=0), "")
        while True:
            try:
                return trail.next(time.monotonic()), trail
            except NotYet as wanted:
                await self.sharing.provide(trail, wanted)


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[Process, Process]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        server = StateServer(path)
        await server.start()
        both = Process(f"served:{path}"), Process(f"served:{path}")
        for one in both:
            await one.sharing.start()
        yield both
        for one in both:
            await one.sharing.close()
        await server.close()


async def until_true(condition) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def route(quota: tuple[QuotaLimit, ...] = ()) -> Route:
    """Two keys, the first with a quota."""
    credentials = Credential(id="p#0", quota=quota), Credential(id="p#1")
    target = Target(provider="p", model="m", credentials=credentials)
    return Route(id="r", members=(Member(id="p/m", targets=(target,)),))


async def test_a_cooldown_holds_everywhere_until_it_is_over(pair: tuple[Process, Process]) -> None:
    first, second = pair
    now = time.monotonic()
    lease = first.state.health.begin(KEY, now)
    first.state.health.report_failure(lease, REFUSED, now, 600.0)
    first.state.health.end(lease, now)
    await until_true(lambda: not second.state.health.state(KEY, time.monotonic()).usable)
    mine, theirs = (one.state.health.state(KEY, time.monotonic()) for one in pair)
    assert (mine.cls, mine.guessed) == (theirs.cls, theirs.guessed)
    assert abs(mine.until - theirs.until) < 5

    probe = second.state.health.begin(KEY, time.monotonic())
    second.state.health.report_success(probe, time.monotonic())
    await until_true(lambda: first.state.health.state(KEY, time.monotonic()).usable)


async def test_rotation_is_even_over_both(pair: tuple[Process, Process]) -> None:
    found: list[str] = []
    for at in range(20):
        chosen, _ = await pair[at % 2].choose(route())
        assert isinstance(chosen, Try)
        found.append(chosen.credential.id)
    assert found.count("p#0") == found.count("p#1") == 10


async def test_a_quota_admits_as_many_in_both_as_it_says(pair: tuple[Process, Process]) -> None:
    limited = route((QuotaLimit("requests", 3, 3600.0),))
    chosen = [(await pair[at % 2].choose(limited))[0] for at in range(16)]
    keys = [one.credential.id for one in chosen if isinstance(one, Try)]
    assert keys.count("p#0") == 3 and keys.count("p#1") == 13


async def test_tokens_of_one_count_for_the_other(pair: tuple[Process, Process]) -> None:
    first, second = pair
    limited = route((QuotaLimit("tokens", 100, 3600.0),))
    spent, trail = await first.choose(limited)
    while not isinstance(spent, Try) or spent.credential.id != "p#0":
        spent, trail = await first.choose(limited)
    trail.finished(spent, time.monotonic(), tokens=100)
    assert await first.state.shared.drain(30)
    keys = [(await second.choose(limited))[0] for _ in range(4)]
    assert all(isinstance(one, Try) and one.credential.id == "p#1" for one in keys)


async def test_windows_are_known_everywhere(pair: tuple[Process, Process]) -> None:
    first, second = pair
    window = Window(
        name="5h", used=0.5, resets_at=time.time() + 60, seen_at=time.time(), source="x"
    )
    first.ledger.note("p#0", [window])
    await until_true(lambda: second.ledger.windows.track("p#0", "5h") is not None)
    track = second.ledger.windows.track("p#0", "5h")
    assert track is not None and track.window == window


async def test_a_clients_own_login_is_nobody_elses_business(pair: tuple[Process, Process]) -> None:
    first, second = pair
    now = time.monotonic()
    own = TargetKey("p", "p@0badc0de", "m")
    for key in (own, KEY):
        lease = first.state.health.begin(key, now)
        first.state.health.report_failure(lease, REFUSED, now, 600.0)
    await until_true(lambda: not second.state.health.state(KEY, time.monotonic()).usable)
    assert second.state.health.state(own, time.monotonic()).usable


async def test_what_cannot_be_read_changes_nothing(pair: tuple[Process, Process]) -> None:
    first, second = pair
    for item, text in [("[", "{}"), ('["key","p","p#0",""]', "{}"), ('["key","p","p#0",""]', "[")]:
        await first.state.shared.post("cooldown", item, text, 60)
        await first.state.shared.post("window", item, text, 60)
    await first.state.shared.post("cooldown", "last", "", 60)
    await until_true(lambda: "last" in second.state.shared.notices("cooldown"))
    assert second.state.health.state(KEY, time.monotonic()).usable


def test_one_process_keeps_its_state_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    state, ledger = State(), Ledger()
    sharing = Sharing(state, ledger, {})
    sharing.use(StateSettings())
    assert isinstance(state.shared, MemoryState) and state.choosing is None
    assert ledger.sharer is None and state.health.cooldowns.sharer is None
    sharing.use(StateSettings())
    assert not caplog.text
    sharing.use(StateSettings.model_validate({"prefix": "other"}))
    assert "restart the router" in caplog.text
