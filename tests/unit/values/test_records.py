"""Records: made, compared and altered as frozen dataclasses are."""

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

import pytest

from switchyard.values.records import altered
from switchyard.values.records import record


@record()
class Pair:
    left: int
    right: tuple[int, ...] = ()
    both: int = field(init=False, default=0)


@record(kw_only=True)
class One:
    left: int


@dataclass(frozen=True)
class Frozen:
    left: int
    right: int = 2


def test_records_compare_and_have_a_hash_by_their_members() -> None:
    assert Pair(1, (2,)) == Pair(1, (2,)) != Pair(1)
    assert {Pair(1), Pair(1), Pair(2)} == {Pair(1), Pair(2)}
    assert not hasattr(Pair(1), "__dict__")
    with pytest.raises(TypeError):
        One(1)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("value", [Pair(1, (2,)), One(left=1), Frozen(1)])
@pytest.mark.parametrize("members", [{}, {"left": 5}, {"right": (7,)}, {"other": 1}])
def test_values_are_altered_as_replace_does(value: Any, members: dict[str, Any]) -> None:
    def outcome(change: Any) -> Any:
        try:
            return change(value, **members)
        except TypeError:
            return TypeError

    assert outcome(altered) == outcome(replace)
    assert altered(value) is not value
