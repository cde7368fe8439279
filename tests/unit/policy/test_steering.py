"""What windows leave to a request, and in which order the strategies take keys."""

import math

import pytest

from switchyard.policy.route import Credential
from switchyard.policy.route import KeptShare
from switchyard.policy.route import Strategy
from switchyard.policy.route import Target
from switchyard.policy.steering import NO_FIGURES
from switchyard.policy.steering import Room
from switchyard.policy.steering import rank
from switchyard.values.globs import Globs
from tests.unit.policy.window_support import Figure
from tests.unit.policy.window_support import WindowWorld

HOUR = 3600.0
KEY = Credential(id="a#0")
OPUS = Target(provider="a", model="claude-opus-4-6", credentials=(KEY,))
SONNET = Target(provider="a", model="claude-sonnet-4-5", credentials=(KEY,))


@pytest.fixture
def world() -> WindowWorld:
    return WindowWorld()


def room(world: WindowWorld, target: Target = OPUS, credential: Credential = KEY) -> Room:
    return world.steering().room(target, credential, world.now)


def kept(world: WindowWorld, keep: KeptShare, client: str = "ann") -> float | None:
    credential = Credential(id="a#0", keep=keep)
    return world.steering(client).kept_until(OPUS, credential, world.now)


def test_nothing_told_is_no_figure(world: WindowWorld) -> None:
    assert room(world) == NO_FIGURES
    world.tell("a#0", Figure("chat", None))
    assert room(world) == NO_FIGURES


def test_the_scarcest_window_counts_and_the_longest_tells_when_it_is_lost(
    world: WindowWorld,
) -> None:
    world.tell("a#0", Figure("5h", 0.9, 2000.0, span=5 * HOUR))
    world.tell("a#0", Figure("7d", 0.4, 9000.0, span=168 * HOUR))
    found = room(world)
    assert found.left == pytest.approx(0.1)
    assert found.resets_at == 9000.0
    assert found.empty_until == -math.inf


def test_a_window_of_one_model_rests_that_model_alone(world: WindowWorld) -> None:
    world.tell("a#0", Figure("7d", 0.2, 5000.0), Figure("7d:opus", 1.0, 5000.0, scope="opus"))
    assert room(world, OPUS).empty_until == 5000.0
    assert room(world, SONNET).left == pytest.approx(0.8)
    world.tell("a#0", Figure("requests:gpt-4", 1.0, 5000.0, span=None, scope="gpt-4"))
    mini = Target(provider="a", model="gpt-4-mini", credentials=(KEY,))
    assert room(world, mini).left == pytest.approx(0.8)


def test_a_window_whose_term_is_over_is_full_again(world: WindowWorld) -> None:
    world.tell("a#0", Figure("5h", 1.0, 900.0))
    assert room(world).left == 1.0
    assert kept(world, KeptShare(share=0.1)) is None


def test_a_figure_without_reset_says_nothing_after_a_while(world: WindowWorld) -> None:
    world.tell("a#0", Figure("requests", 1.0, None, seen=world.now, span=None))
    assert room(world).empty_until == math.inf
    world.now += 1000
    assert room(world) == NO_FIGURES


def test_overage_is_no_part_of_a_plan(world: WindowWorld) -> None:
    world.tell("a#0", Figure("overage", 1.0, 5000.0), Figure("5h", 0.5, 5000.0))
    assert room(world).left == 0.5


def test_the_lead_of_use_over_time(world: WindowWorld) -> None:
    half = world.now + 2.5 * HOUR
    world.tell("a#0", Figure("5h", 0.7, half, span=5 * HOUR))
    world.tell("a#0", Figure("requests", 1.0, half, span=None))
    assert room(world).lead == pytest.approx(0.2)


def test_a_login_goes_by_its_owner(world: WindowWorld) -> None:
    login = Credential(id="a#client@x", forwarded=True)
    world.tell("a login", Figure("5h", 0.3, 5000.0))
    assert room(world, credential=login).left == pytest.approx(0.7)


@pytest.mark.parametrize(("used", "until"), [(0.89, None), (0.9, 5000.0), (1.2, 5000.0)])
def test_the_kept_share(world: WindowWorld, used: float, until: float | None) -> None:
    world.tell("a#0", Figure("5h", used, 5000.0), Figure("requests", 1.0, 7000.0, span=60.0))
    assert kept(world, KeptShare(share=0.1)) == until
    assert kept(world, KeptShare(share=0.1, clients=frozenset({"ann"}))) is None
    assert kept(world, KeptShare(share=0.1, clients=frozenset({"ann"})), "ben") == until
    assert kept(world, KeptShare(share=0.1, windows=Globs(["7d*"]))) is None
    assert kept(world, KeptShare(share=0.1, windows=Globs(["req*"]))) == 7000.0


def test_without_a_named_key_nobody_is_named(world: WindowWorld) -> None:
    world.tell("a#0", Figure("5h", 0.95, None, seen=world.now))
    keep = KeptShare(share=0.1, clients=frozenset({""}))
    assert kept(world, keep, client="") == math.inf


FULL = Room(0.9, 5000.0, -0.2)
SOON = Room(0.4, 2000.0, 0.3)
ROOMS = {"full": FULL, "soon": SOON, "untold": NO_FIGURES}


@pytest.mark.parametrize(
    ("strategy", "order"),
    [
        ("most-left", ["full", "soon", "untold"]),
        ("drain-soonest", ["soon", "full", "untold"]),
        ("pace", ["full", "untold", "soon"]),
    ],
)
def test_the_order_of_keys(strategy: Strategy, order: list[str]) -> None:
    assert sorted(ROOMS, key=lambda name: rank(strategy, ROOMS[name], True)) == order


@pytest.mark.parametrize("strategy", ["most-left", "drain-soonest", "pace"])
def test_a_key_that_was_not_asked_yet_is_asked_first(strategy: Strategy) -> None:
    assert rank(strategy, NO_FIGURES, False) < min(rank(strategy, r, True) for r in (FULL, SOON))
