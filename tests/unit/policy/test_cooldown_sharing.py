"""Cooldowns that one process finds hold in another."""

import random

from switchyard.policy.cooldown import Cooldowns
from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.cooldown import Outage
from switchyard.policy.cooldown import Place
from switchyard.policy.failures import Verdict
from switchyard.policy.route import TargetKey

KEY = TargetKey("p", "p#0", "m")
OTHER = TargetKey("p", "p#1", "m")
REFUSED = Verdict(cls="credential", scope="key", announced=False, rule="")
OVERLOADED = Verdict(cls="overload", scope="target", announced=False, rule="")


def pair() -> tuple[Cooldowns, Cooldowns, list[tuple[Place, Outage | None]]]:
    first, second = (Cooldowns(CooldownSettings(), random.Random(1)) for _ in range(2))
    posted: list[tuple[Place, Outage | None]] = []

    def share(place: Place, outage: Outage | None) -> None:
        posted.append((place, outage))
        second.adopt(place, outage)

    first.sharer = share
    return first, second, posted


def test_what_one_finds_holds_for_the_other() -> None:
    first, second, posted = pair()
    first.fail(KEY, REFUSED, 10.0, None, 9.0, False)
    assert second.state(KEY, 11.0) == first.state(KEY, 11.0)
    assert second.state(KEY, 11.0).state == "cooling" and second.state(OTHER, 11.0).usable
    assert [place for place, _ in posted] == [("key", "p", "p#0", "")]


def test_a_longer_term_is_shared_and_a_shorter_one_changes_nothing() -> None:
    first, second, posted = pair()
    first.fail(KEY, OVERLOADED, 10.0, 5.0, 9.0, True)
    first.fail(KEY, OVERLOADED, 10.0, 60.0, 9.0, True)
    assert second.state(KEY, 11.0).until == 70.0
    second.adopt(posted[0][0], Outage("overload", until=20.0))
    assert second.state(KEY, 11.0).until == 70.0
    assert len(posted) == 2


def test_a_success_ends_it_for_all() -> None:
    first, second, _ = pair()
    first.fail(KEY, OVERLOADED, 10.0, 5.0, 9.0, True)
    first.mend(KEY, 16.0)
    assert second.state(KEY, 11.0).state == "open"
    first.fail(KEY, OVERLOADED, 20.0, 5.0, 19.0, True)
    first.forget("p")
    assert second.state(KEY, 21.0).state == "open"


def test_what_is_adopted_is_not_posted_again() -> None:
    first, _, posted = pair()
    first.adopt(("key", "p", "p#0", ""), Outage("credential", until=50.0))
    first.adopt(("key", "p", "p#0", ""), None)
    assert posted == []
