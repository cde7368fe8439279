"""Routes, and what of them is each client's own."""

from switchyard.policy.route import Credential
from switchyard.policy.route import Member
from switchyard.policy.route import Route
from switchyard.policy.route import Target
from switchyard.policy.route import TargetKey

OWN = Target(provider="glm", model="m", credentials=(Credential(id="glm#0"),))
FORWARD = Target(
    provider="cc", model="opus", credentials=(Credential(id="cc#client", forwarded=True, via="px"),)
)


def route(*targets: Target) -> Route:
    members = tuple(Member(id=target.id, targets=(target,)) for target in targets)
    return Route(id="r", members=members)


def test_keys_name_the_way_out():
    assert FORWARD.key(FORWARD.credentials[0]) == TargetKey("cc", "cc#client", "opus", "px")
    assert OWN.id == "glm/m"


def test_each_client_has_its_own_forwarded_credential():
    shared = route(OWN, FORWARD)
    assert shared.forwards
    assert not route(OWN).forwards
    mine, yours = shared.for_client("a1"), shared.for_client("b2")
    ids = [one.members[1].targets[0].credentials[0].id for one in (mine, yours)]
    assert ids == ["cc#client@a1", "cc#client@b2"]
    assert mine.members[0].targets[0] is OWN
    assert mine.members[1].targets[0].credentials[0].via == "px"
