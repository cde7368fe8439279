"""Durations, sizes, counts and rates."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.values.units import MOST_COUNTED
from switchyard.values.units import SECONDS
from switchyard.values.units import Rate
from switchyard.values.units import UnitError
from switchyard.values.units import parse_count
from switchyard.values.units import parse_duration
from switchyard.values.units import parse_money
from switchyard.values.units import parse_rate
from switchyard.values.units import parse_size

PARSERS = (parse_duration, parse_size, parse_count, parse_rate)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("20s", 20),
        ("5m", 300),
        ("1h", 3600),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 20s ", 20),
        (20, 20),
        (0.25, 0.25),
        ("20", 20),
        ("1800000ms", 1800),
        (0, 0),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("10MB", 10_000_000),
        ("1GB", 1_000_000_000),
        ("512KiB", 524_288),
        ("1.5 kb", 1500),
        ("2TiB", 2 * 1024**4),
        ("7B", 7),
        ("0", 0),
        (4096, 4096),
    ],
)
def test_sizes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    ("written", "count"),
    [("200k", 200_000), ("1M", 1_000_000), ("1.5K", 1500), (262144, 262144), ("8", 8), (3.0, 3)],
)
def test_counts(written: object, count: int) -> None:
    assert parse_count(written) == count


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("50/m", Rate(50, 60)),
        ("1M/d", Rate(1_000_000, 86_400)),
        ("100/5h", Rate(100, 18_000)),
        ("10 / s", Rate(10, 1)),
        ("2.5k/w", Rate(2500, 604_800)),
    ],
)
def test_rates(written: object, rate: Rate) -> None:
    assert parse_rate(written) == rate


@pytest.mark.parametrize("wrong", ["", "5 minutes", "m", "-5s", "5M", "1h 30m", "٣s", "1e3", "5s5"])
def test_what_is_no_duration(wrong: str) -> None:
    with pytest.raises(UnitError, match="is not a duration"):
        parse_duration(wrong)


@pytest.mark.parametrize("wrong", ["", "10XB", "MB", "-1", "1 0MB", "10M"])
def test_what_is_no_size(wrong: str) -> None:
    with pytest.raises(UnitError, match="is not a size"):
        parse_size(wrong)


@pytest.mark.parametrize("wrong", ["1m", "1.5", "0.0001k", "k", 1.5])
def test_what_is_no_count(wrong: object) -> None:
    with pytest.raises(UnitError, match="is not a count"):
        parse_count(wrong)


@pytest.mark.parametrize("wrong", ["50", "50/", "/m", "50/y", "50/ms", "50/m/d", 50, "x/m"])
def test_what_is_no_rate(wrong: object) -> None:
    with pytest.raises(UnitError, match="is not a rate"):
        parse_rate(wrong)


@pytest.mark.parametrize("nothing", ["0/m", "5/0h"])
def test_a_rate_that_allows_nothing(nothing: str) -> None:
    with pytest.raises(UnitError, match="at least 1"):
        parse_rate(nothing)


def test_limits_end_where_counting_is_no_longer_exact() -> None:
    assert parse_rate("9007199254740991/d").amount == MOST_COUNTED
    assert parse_money("9007199 USD") < MOST_COUNTED
    with pytest.raises(UnitError, match="9,007,199,254,740,991 at most"):
        parse_rate("9007199254740992/d")
    with pytest.raises(UnitError, match="9,007,199 USD at most"):
        parse_money("9007200 USD")
    with pytest.raises(UnitError, match="ten years"):
        parse_rate("1/99999999d")


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("wrong", [None, True, [], {}, math.inf, math.nan, -1, "9" * 400])
def test_no_parser_takes_anything_else(parse, wrong: object) -> None:
    with pytest.raises(UnitError):
        parse(wrong)


@given(st.integers(0, 10**9), st.sampled_from(sorted(SECONDS)))
def test_a_duration_is_its_number_times_its_unit(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == pytest.approx(number * SECONDS[unit])


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["h", "m", "s"])), min_size=1))
def test_a_compound_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    parts = parts[:5]
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == pytest.approx(sum(parse_duration(f"{n}{u}") for n, u in parts))


@given(st.integers(0, 10**12))
def test_plain_numbers_are_the_base_unit_as_text_and_as_number(number: int) -> None:
    assert parse_duration(number) == parse_duration(str(number)) == number
    assert parse_size(number) == parse_size(str(number)) == number
    assert parse_count(number) == parse_count(str(number)) == number


@given(st.integers(1, 10**6), st.integers(1, 99), st.sampled_from(["s", "m", "h", "d", "w"]))
def test_a_rate_keeps_amount_and_window(amount: int, times: int, unit: str) -> None:
    assert parse_rate(f"{amount}/{times}{unit}") == Rate(amount, times * SECONDS[unit])


@given(st.text(max_size=60))
def test_any_text_is_a_finite_value_or_a_unit_error_that_does_not_repeat_it(text: str) -> None:
    for parse in PARSERS:
        try:
            value = parse(text)
        except UnitError as error:
            assert len(text) < 8 or text not in str(error)
        else:
            assert math.isfinite(value.window if isinstance(value, Rate) else value)
