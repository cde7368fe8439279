"""What tests wait for themselves."""

import pytest

from tests.support.signals import wait_until


def test_what_comes_to_hold_is_waited_for() -> None:
    looks = iter([0, 0, 1])
    wait_until(lambda: next(looks))
    assert next(looks, "none") == "none"


def test_what_never_holds_is_given_up() -> None:
    with pytest.raises(AssertionError):
        wait_until(lambda: False, 0.05)
