import pytest

from switchyard.wire.translate.cache_life import HOUR
from switchyard.wire.translate.cache_life import MINUTES
from switchyard.wire.translate.cache_life import cache_life

FIVE = {"type": "ephemeral"}
ONE_HOUR = {"type": "ephemeral", "ttl": "1h"}


def text(mark: object = None) -> dict[str, object]:
    block: dict[str, object] = {"type": "text", "text": "x"}
    return {**block, "cache_control": mark} if mark is not None else block


@pytest.mark.parametrize(
    ("body", "life"),
    [
        ({}, MINUTES),
        ({"messages": "odd", "system": 3, "tools": None}, MINUTES),
        ({"messages": [{"role": "user", "content": "no marks"}]}, MINUTES),
        ({"messages": [{"role": "user", "content": [text(FIVE)]}]}, MINUTES),
        ({"messages": [{"role": "user", "content": [text(ONE_HOUR)]}]}, HOUR),
        ({"system": [text(ONE_HOUR)], "messages": [{"role": "user", "content": "x"}]}, HOUR),
        ({"tools": [{"name": "t", "cache_control": ONE_HOUR}], "messages": []}, HOUR),
        ({"cache_control": ONE_HOUR, "messages": []}, HOUR),
        ({"messages": [{"role": "user", "content": [text("odd"), text({"ttl": 7})]}]}, MINUTES),
    ],
)
def test_life_of_a_request(body: dict[str, object], life: float) -> None:
    assert cache_life(body) == life


def test_the_last_breakpoint_counts() -> None:
    body = {
        "system": [text(ONE_HOUR)],
        "messages": [
            {"role": "user", "content": [text(ONE_HOUR)]},
            {"role": "assistant", "content": [text()]},
            {"role": "user", "content": [text(FIVE), text()]},
        ],
    }
    assert cache_life(body) == MINUTES
