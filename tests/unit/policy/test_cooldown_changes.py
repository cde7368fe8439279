"""Who watches is told when a cooldown begins and when it is over, and of nothing else."""

import random

from switchyard.policy.cooldown import CooldownChange
from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import Verdict
from switchyard.policy.health import Health
from switchyard.policy.route import TargetKey

A = TargetKey("p", "p#0", "m", "")
OVERLOAD = Verdict(cls="overload", scope="target", announced=False, rule="r")
REFUSED = Verdict(cls="credential", scope="key", announced=True, rule="r")


def watched() -> tuple[Health, list[CooldownChange]]:
    health = Health(CooldownSettings(base=10.0, jitter=0.0), random.Random(1))
    changes: list[CooldownChange] = []
    health.watcher = changes.append
    return health, changes


def test_one_change_a_cooldown_however_many_fail_in_parallel() -> None:
    health, changes = watched()
    leases = [health.begin(A, 0.0) for _ in range(3)]
    for number, lease in enumerate(leases):
        health.report_failure(lease, OVERLOAD, 1.0 + number / 10, None, "HTTP status 529", 529)
    assert changes == [
        CooldownChange(("target", "p", "p#0", "m"), 10.0, "overload", "HTTP status 529")
    ]


def test_a_probe_that_fails_begins_another_and_one_that_succeeds_ends_it() -> None:
    health, changes = watched()
    health.report_failure(health.begin(A, 0.0), OVERLOAD, 0.0, None, "one")
    health.report_failure(health.begin(A, 11.0), OVERLOAD, 12.0, None, "two")
    assert [(one.seconds, one.reason) for one in changes] == [(10.0, "one"), (20.0, "two")]
    health.report_success(health.begin(A, 40.0), 41.0)
    assert changes[2:] == [CooldownChange(("target", "p", "p#0", "m"), None, "overload")]
    health.report_success(health.begin(A, 50.0), 51.0)
    assert len(changes) == 3, "there is nothing left to end"


def test_a_refused_key_and_what_locks_nothing() -> None:
    health, changes = watched()
    health.report_failure(health.begin(A, 0.0), REFUSED, 0.0, None, "HTTP status 401", 401)
    health.report_failure(
        health.begin(A, 1.0), Verdict(cls="overload", scope="none", announced=False, rule="r"), 1.0
    )
    assert [(one.place[0], one.seconds) for one in changes] == [("key", 1800.0)]


def test_nobody_need_watch() -> None:
    health = Health(CooldownSettings(), random.Random(1))
    health.report_failure(health.begin(A, 0.0), OVERLOAD, 0.0)
    health.report_success(health.begin(A, 500.0), 501.0)
