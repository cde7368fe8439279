"""The ladder of cooldowns, on a fake clock."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.policy.cooldown import OPEN
from switchyard.policy.cooldown import Cooldowns
from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Scope
from switchyard.policy.failures import Verdict
from switchyard.policy.route import TargetKey

EXACT = CooldownSettings(jitter=0.0)
A = TargetKey("p", "p#0", "m")
OTHER_KEY = TargetKey("p", "p#1", "m")
OTHER_MODEL = TargetKey("p", "p#0", "n")
OTHER_WAY = TargetKey("p", "p#2", "m", "proxy")
OTHER_PROVIDER = TargetKey("q", "q#0", "m")

OVERLOAD = Verdict("overload", "target", False, "r")
QUOTA = Verdict("quota", "target", True, "r")
BAD_KEY = Verdict("credential", "key", True, "r")


def cooldowns(settings: CooldownSettings = EXACT) -> Cooldowns:
    return Cooldowns(settings, random.Random(1))


def fail(
    c: Cooldowns,
    now: float,
    verdict: Verdict = OVERLOAD,
    key: TargetKey = A,
    retry_after: float | None = None,
    started: float | None = None,
    worked: bool = False,
) -> None:
    c.fail(key, verdict, now, retry_after, now if started is None else started, worked)


def test_nothing_is_known_at_first():
    assert cooldowns().state(A, 0.0) is OPEN
    assert OPEN.usable


def test_the_ladder_doubles_up_to_the_cap():
    c = cooldowns(CooldownSettings(jitter=0.0, base=1.0, cap=6.0))
    now = 100.0
    for term in (1.0, 2.0, 4.0, 6.0, 6.0):
        fail(c, now)
        assert c.state(A, now).state == "cooling"
        assert c.state(A, now).until == now + term
        assert not c.state(A, now + term - 0.001).usable
        now += term
        assert c.state(A, now).state == "trial"


def test_the_ladder_rises_once_however_many_fail_in_parallel():
    c = cooldowns()
    for n in range(50):
        fail(c, 10.0 + n / 100, started=9.0)
    assert c.state(A, 10.5).until == 11.0
    # Long after, attempts that began before the last failure still end: the same step again.
    fail(c, 20.0, started=9.5)
    assert c.state(A, 20.0).until == 21.0
    fail(c, 30.0, started=29.0)
    assert c.state(A, 30.0).until == 32.0


def test_success_closes_and_begins_the_ladder_anew():
    c = cooldowns()
    fail(c, 10.0)
    fail(c, 11.5)
    c.mend(A, started=13.6)
    assert c.state(A, 13.6) is OPEN
    fail(c, 20.0)
    assert c.state(A, 20.0).until == 21.0


def test_success_of_an_older_attempt_proves_nothing():
    c = cooldowns()
    fail(c, 10.0, QUOTA, retry_after=60.0)
    c.mend(A, started=9.0)
    assert c.state(A, 10.0).shut_until == 70.0


@pytest.mark.parametrize(
    ("scope", "cooled"),
    [
        ("none", []),
        ("target", [A]),
        ("key", [A, OTHER_MODEL]),
        ("model", [A, OTHER_KEY, OTHER_WAY]),
        ("host", [A, OTHER_KEY, OTHER_MODEL]),
    ],
)
def test_scopes(scope: Scope, cooled: list[TargetKey]):
    c = cooldowns()
    fail(c, 10.0, Verdict("overload", scope, False, "r"))
    everyone = [A, OTHER_KEY, OTHER_MODEL, OTHER_WAY, OTHER_PROVIDER]
    assert [key for key in everyone if c.state(key, 10.0).state == "cooling"] == cooled


def test_a_named_term_is_exact_and_beats_a_guess():
    c = cooldowns(CooldownSettings(jitter=0.5))
    fail(c, 10.0)
    fail(c, 10.1, QUOTA, retry_after=7.25)
    standing = c.state(A, 10.2)
    assert (standing.until, standing.shut_until, standing.cls) == (17.35, 17.35, "quota")
    assert standing.returns == 17.35
    assert c.state(A, 17.35).usable


def test_of_several_named_terms_the_longest_holds():
    c = cooldowns()
    fail(c, 10.0, QUOTA, retry_after=60.0)
    fail(c, 11.0, QUOTA, retry_after=5.0, started=9.0)
    assert c.state(A, 11.0).shut_until == 70.0


def test_a_guess_never_shuts():
    c = cooldowns()
    fail(c, 10.0, OVERLOAD, retry_after=60.0)
    assert c.state(A, 10.0).until == 70.0
    assert c.state(A, 10.0).shut_until == 0.0
    fail(c, 10.0, QUOTA, key=OTHER_KEY)
    assert c.state(OTHER_KEY, 10.0).shut_until == 0.0
    fail(c, 10.0, QUOTA, key=OTHER_MODEL, retry_after=0.0)
    assert c.state(OTHER_MODEL, 10.0).shut_until == 0.0
    assert c.state(OTHER_MODEL, 10.0).until == 11.0


def test_a_guess_outlasts_a_named_term_without_shutting():
    c = cooldowns()
    fail(c, 10.0, Verdict("overload", "model", False, "r", 50.0))
    fail(c, 10.0, QUOTA, retry_after=5.0)
    standing = c.state(A, 10.0)
    assert (standing.until, standing.shut_until, standing.returns) == (60.0, 15.0, 15.0)
    assert c.state(A, 16.0).returns == 60.0


def test_refused_keys_rest_long_but_once_shortly_if_they_had_worked():
    c = cooldowns()
    fail(c, 10.0, BAD_KEY)
    assert c.state(A, 10.0).shut_until == 10.0 + EXACT.credential
    fail(c, 10.0, BAD_KEY, key=OTHER_KEY, worked=True)
    assert c.state(OTHER_KEY, 10.0).shut_until == 10.0 + EXACT.first_credential
    fail(c, 80.0, BAD_KEY, key=OTHER_KEY, worked=True)
    assert c.state(OTHER_KEY, 80.0).shut_until == 80.0 + EXACT.credential


def test_a_refused_key_that_is_the_only_one_may_be_left_open():
    c = cooldowns(CooldownSettings(jitter=0.0, shut_refused_keys=False))
    fail(c, 10.0, BAD_KEY)
    standing = c.state(A, 10.0)
    assert (standing.until, standing.shut_until, standing.guessed) == (1810.0, 0.0, False)


def test_guesses_are_told_from_terms():
    c = cooldowns()
    fail(c, 10.0)
    assert c.state(A, 10.0).guessed
    fail(c, 10.5, retry_after=9.0)
    assert not c.state(A, 10.5).guessed


def test_a_rules_own_cooldown_is_the_first_step():
    c = cooldowns(CooldownSettings(jitter=0.0, cap=300.0))
    slow = Verdict("model", "model", False, "r", 60.0)
    fail(c, 0.5, slow)
    assert c.state(A, 0.5).until == 60.5
    fail(c, 61.0, slow)
    assert c.state(A, 61.0).until == 181.0
    longer = Verdict("quota", "key", True, "r", 600.0)
    fail(c, 500.0, longer, key=OTHER_PROVIDER)
    assert c.state(OTHER_PROVIDER, 500.0).until == 1100.0


def test_a_probe_keeps_others_away_until_it_expires():
    c = cooldowns()
    fail(c, 10.0)
    [outage] = c.of(A)
    outage.probing_until = 20.0
    assert c.state(A, 10.5).state == "cooling"
    assert c.state(A, 12.0).state == "probing"
    assert not c.state(A, 12.0).usable
    assert c.state(A, 20.0).state == "trial"
    fail(c, 20.5)
    assert c.state(A, 22.5).state == "trial"


def test_forgetting_a_provider_or_a_key():
    c = cooldowns()
    for key in (A, OTHER_KEY, OTHER_PROVIDER):
        fail(c, 10.0, BAD_KEY, key=key)
    fail(c, 10.0, Verdict("network", "host", False, "r"))
    c.forget("p", "p#0")
    assert c.state(A, 10.0).cls == "network"
    assert c.state(OTHER_KEY, 10.0).shut_until
    c.forget("p")
    assert c.state(A, 10.0) is OPEN
    assert c.state(OTHER_KEY, 10.0) is OPEN
    assert c.state(OTHER_PROVIDER, 10.0).shut_until


def test_memory_is_bounded():
    c = cooldowns(CooldownSettings(jitter=0.0, most=100, keep=50.0))
    for n in range(1000):
        fail(c, 10.0 + n, key=TargetKey("p", f"p#{n}", "m"))
        c.sweep(10.0 + n)
        assert len(c) <= 100
    assert len(c) == 50
    c.sweep(5000.0)
    assert len(c) == 0


classes: st.SearchStrategy[FailureClass] = st.sampled_from(
    ["overload", "quota", "credential", "model", "network", "empty"]
)
scopes: st.SearchStrategy[Scope] = st.sampled_from(["target", "key", "model", "host"])


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0, 50),
            classes,
            scopes,
            st.booleans(),
            st.none() | st.floats(0.001, 500),
            st.floats(0, 5),
        ),
        max_size=30,
    )
)
def test_cooldowns_are_within_their_bounds(
    steps: list[tuple[float, FailureClass, Scope, bool, float | None, float]],
):
    s = CooldownSettings(base=1.0, cap=60.0, jitter=0.2, credential=100.0)
    c = Cooldowns(s, random.Random(0))
    now = 1.0
    shut_until = 0.0
    for dt, cls, scope, announced, retry_after, age in steps:
        now += dt
        c.fail(A, Verdict(cls, scope, announced, "r"), now, retry_after, now - age, False)
        if announced and (retry_after or cls == "credential"):
            term = s.credential if cls == "credential" else (retry_after or 0.0)
            shut_until = max(shut_until, now + term)
        standing = c.state(A, now)
        assert standing.state == "cooling"
        assert standing.until <= now + max(s.cap, s.credential, 500.0)
        assert standing.shut_until == (shut_until if shut_until > now else 0.0)
        assert standing.shut_until <= standing.until
