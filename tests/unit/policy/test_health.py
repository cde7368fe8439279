"""Leases, probes, counts and the status snapshot."""

import random

from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import Verdict
from switchyard.policy.health import Health
from switchyard.policy.route import TargetKey

A = TargetKey("p", "p#0", "m")
B = TargetKey("p", "p#1", "m")
OVERLOAD = Verdict("overload", "target", False, "r")
BAD_KEY = Verdict("credential", "key", True, "r")


def health(**settings: float) -> Health:
    return Health(CooldownSettings(jitter=0.0, **settings), random.Random(1))  # type: ignore[arg-type]


def failed(h: Health, now: float, key: TargetKey = A, verdict: Verdict = OVERLOAD) -> None:
    lease = h.begin(key, now)
    h.report_failure(lease, verdict, now)
    h.end(lease, now)


def test_in_flight_counts_by_key_and_by_target():
    h = health()
    other_model = TargetKey("p", "p#0", "n")
    leases = [h.begin(A, 1.0), h.begin(A, 1.0), h.begin(other_model, 1.0)]
    assert h.in_flight("p", "p#0") == 3
    assert h.target_in_flight(A) == 2
    for lease in leases:
        h.end(lease, 2.0)
        h.end(lease, 2.0)
    assert h.in_flight("p", "p#0") == 0
    assert h.target_in_flight(A) == 0
    assert h.target_in_flight(B) == 0


def test_the_first_after_a_cooldown_is_the_probe():
    h = health()
    failed(h, 10.0)
    assert h.state(A, 11.0).state == "trial"
    probe = h.begin(A, 11.0)
    assert h.state(A, 11.1).state == "probing"
    h.report_success(probe, 12.0)
    assert h.state(A, 12.0).state == "open"


def test_a_failed_probe_doubles_the_cooldown():
    h = health()
    failed(h, 10.0)
    failed(h, 11.0)
    assert h.state(A, 11.0).until == 13.0
    assert h.state(A, 13.0).state == "trial"


def test_a_probe_that_reports_nothing_makes_room_or_expires():
    h = health(probe=30.0)
    failed(h, 10.0)
    given_up = h.begin(A, 11.0)
    h.end(given_up, 12.0)
    assert h.state(A, 12.0).state == "trial"
    h.begin(A, 12.0)
    assert h.state(A, 41.9).state == "probing"
    assert h.state(A, 42.0).state == "trial"


def test_an_expired_probe_does_not_end_its_successor():
    h = health(probe=30.0)
    failed(h, 10.0)
    first = h.begin(A, 11.0)
    h.begin(A, 50.0)
    h.end(first, 51.0)
    assert h.state(A, 51.0).state == "probing"


def test_an_early_try_is_a_probe_too():
    """When nothing better is left a cooling target is tried: its success counts."""
    h = health()
    failed(h, 10.0)
    early = h.begin(A, 10.5)
    assert h.state(A, 11.5).state == "probing"
    h.report_success(early, 11.6)
    assert h.state(A, 11.6).state == "open"


def test_a_key_that_worked_gets_an_early_second_chance():
    h = health()
    lease = h.begin(A, 1.0)
    h.report_success(lease, 2.0)
    h.end(lease, 3.0)
    failed(h, 10.0, A, BAD_KEY)
    failed(h, 10.0, B, BAD_KEY)
    assert h.state(A, 10.0).shut_until == 70.0
    assert h.state(B, 10.0).shut_until == 1810.0


def test_the_snapshot_tells_all_but_secrets():
    h = health()
    lease = h.begin(B, 5.0)
    h.report_success(lease, 6.0)
    broken = h.begin(A, 7.0)
    h.report_failure(broken, OVERLOAD, 8.0, 30.0, "bad key sk-abcdef1234567890\n\nfor you", 503)
    h.end(broken, 8.0)
    a, b = h.snapshot(9.0)
    assert a.key == A
    assert (a.standing.state, a.standing.until) == ("cooling", 38.0)
    assert (a.in_flight, a.successes, a.failures) == (0, 0, 1)
    assert a.last_error == "bad key [redacted] for you"
    assert (a.last_class, a.last_status, a.last_failed_at) == ("overload", 503, 8.0)
    assert (b.standing.state, b.in_flight, b.successes, b.failures) == ("open", 1, 1, 0)
    assert h.last_failure(A) == (503, "bad key [redacted] for you")
    assert h.last_failure(TargetKey("x", "y", "z")) == (None, "")


def test_forgetting_opens_again():
    h = health()
    failed(h, 10.0, A, BAD_KEY)
    h.forget("p", "p#0")
    assert h.state(A, 10.0).state == "open"


def test_settings_can_change_while_it_runs():
    h = health()
    h.use(CooldownSettings(jitter=0.0, base=7.0))
    assert h.settings.base == 7.0
    failed(h, 10.0)
    assert h.state(A, 10.0).until == 17.0


def test_memory_is_bounded():
    """Clients' own keys, forwarded: more than anybody configures."""
    h = health(most=200, keep=1e9)
    running = h.begin(TargetKey("p", "first", "m"), 0.0)
    for n in range(10_000):
        key = TargetKey("p", f"client-{n}", "m")
        lease = h.begin(key, float(n))
        h.report_success(lease, float(n))
        h.report_failure(lease, BAD_KEY, float(n))
        h.end(lease, float(n))
        assert len(h) <= 3 * (200 + 1024) + 1
    assert h.in_flight("p", "first") == 1
    h.end(running, 10_000.0)
    assert h.in_flight("p", "first") == 0
