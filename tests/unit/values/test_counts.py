"""Numbers of things, in words."""

from switchyard.values.counts import counted


def test_one_thing_is_no_plural() -> None:
    assert [counted(number, "model") for number in (0, 1, 2, 2000)] == [
        "0 models",
        "1 model",
        "2 models",
        "2,000 models",
    ]
