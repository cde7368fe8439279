"""Whether limits are shared at present."""

from switchyard.management.sharing_status import sharing_status
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import StateHealth


def test_one_process_has_nothing_to_share() -> None:
    assert sharing_status(MemoryState().health) == {
        "way": "memory",
        "shared": True,
        "problem": None,
        "processes": 1,
        "unsent": 0,
    }


def test_what_is_wrong_is_reported() -> None:
    health = StateHealth(way="redis", shared=False, problem="READONLY", processes=3, waiting=7)
    told = sharing_status(health)
    assert (told["shared"], told["problem"], told["unsent"]) == (False, "READONLY", 7)
