"""The management API answers as its description says; `tests.integration.description` asks more."""

from typing import Any

import pytest
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation

from tests.integration.description import ask
from tests.integration.description import make_app
from tests.integration.description import operations

EXAMPLES = 2


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[APIOperation[Any, Any, Any, Any]]:
    return list(operations(make_app(tmp_path_factory.mktemp("described"))))


@pytest.mark.parametrize(
    ("first", "mode"), [(0, GenerationMode.POSITIVE), (1, GenerationMode.NEGATIVE)]
)
def test_every_answer_is_described(
    asked: list[APIOperation[Any, Any, Any, Any]], first: int, mode: GenerationMode
) -> None:
    """Every other route is asked what it allows, the rest what it forbids."""
    assert len(asked) > 40
    assert [found for one in asked[first::2] if (found := ask(one, mode, EXAMPLES))] == []
