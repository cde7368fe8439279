"""Values that JSON cannot say, and those that the fast library refuses."""

import json
from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads


def refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


@pytest.mark.parametrize("beside", [1, 2**80, "\ud83d"], ids=["plain", "long", "half"])
@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), -float("inf")], ids=["nan", "inf", "-inf"]
)
def test_a_number_that_json_cannot_say_is_null(number: float, beside: Any) -> None:
    data = dumps({"a": [number, {"b": number}], "beside": beside})
    read = json.loads(data, parse_constant=refuse)
    assert read == {"a": [None, {"b": None}], "beside": beside}


@pytest.mark.parametrize(
    "value", [[2**80], ["\ud83d"], {"é": "\ud83d\ude00"}], ids=["long", "half", "pair"]
)
def test_what_the_fast_library_refuses_comes_back_as_it_was(value: Any) -> None:
    assert loads(dumps(value)) == json.loads(json.dumps(value))
