"""Members that a body has, and others."""

import pytest
from pydantic import ValidationError

from switchyard.management.api.bodies import RequestBody


class Wish(RequestBody):
    dry_run: bool = True


def test_a_member_with_a_typo_is_refused() -> None:
    assert not Wish.model_validate({"dry_run": False}).dry_run
    with pytest.raises(ValidationError, match="dryrun"):
        Wish.model_validate({"dryrun": False})
