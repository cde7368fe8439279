"""Terms that providers name in words."""

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.policy.retry_after import earliest_retry
from switchyard.policy.told_terms import terms_in_words
from switchyard.policy.told_terms import until_midnight

NOW = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
WALL = NOW.timestamp()
HOUR, DAY = 3600.0, 86_400.0


def first(message: str, wall: float = WALL) -> float | None:
    return next(terms_in_words(message, wall), None)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("You will regain access on 2026-12-01 at 00:00 UTC.", 2 * DAY + 4 * HOUR),
        ("You will regain access on 2026-12-01.", 2 * DAY + 4 * HOUR),
        ("Please try again in 2h13m.", 2 * HOUR + 13 * 60),
        ("Please try again in 7m12.5s. Need more tokens?", 432.5),
        ("try again in 3 days 4 hours 5 minutes.", 3 * DAY + 4 * HOUR + 300),
        ("Your quota will reset after 12h30m5s.", 12 * HOUR + 30 * 60 + 5),
        ("try again in an hour", HOUR),
        ("Retry after one minute", 60.0),
        ("Resets in 1 week", 7 * DAY),
        ("You've hit your limit · resets 5pm (America/Los_Angeles)", 5 * HOUR),
        ("Limit reached, resets at 5pm (America/Los_Angeles).", 5 * HOUR),
        ("Weekly limit reached · resets 10am (Asia/Seoul)", 5 * HOUR),
        ("You've hit your session limit · resets 3:30pm (America/Bogota)", 30 * 60),
        ("Limit reached, resets Oct 6, 1pm (Europe/Berlin)", 311 * DAY + 15 * HOUR),
        ("resets Dec 1 at 1pm (Europe/Berlin)", 2 * DAY + 16 * HOUR),
        ("or try again at Nov 29th, 2026 3:12 AM.", 7 * HOUR + 12 * 60),
        ("The limit resets on December 1, 2026 at 12:00 AM UTC", 2 * DAY + 4 * HOUR),
        ("Your daily quota resets at midnight UTC", 4 * HOUR),
        ("Quota resets daily at midnight Pacific time.", 12 * HOUR),
        ("Requests are available again at 22:15 UTC", 2 * HOUR + 15 * 60),
        ("resets at 2026-11-28 21:00:00 UTC", HOUR),
        ("resets at 2026-11-28 22:00:00 +02:00", None),
        ("Access is suspended until 2026-11-29T08:00:00+0200", 10 * HOUR),
    ],
)
def test_terms(message: str, seconds: float | None):
    assert first(message) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    "message",
    [
        "The model was deprecated on 2026-12-01. Use another one.",
        "You will regain access on 2026-11-01 at 00:00 UTC.",
        "Resets at 5pm",
        "resets 5pm (Middle/Earth)",
        "try again in a while",
        "Try again on 2026-13-45",
        "Limit 30000, Requested 31538",
        "Retry with max_tokens below 5m",
        "reset your password at 5 (UTC)",
        "",
    ],
)
def test_what_is_no_term(message: str):
    assert first(message) is None


@pytest.mark.parametrize("status", [400, 429])
def test_a_spend_limit_is_told_to_its_end(status: int):
    said = "You have reached your specified API usage limits. You will regain access on 2026-12-01"
    body = {"type": "error", "error": {"message": f"{said} at 00:00 UTC."}}
    assert earliest_retry({}, body, WALL) == pytest.approx(2 * DAY + 4 * HOUR)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Your limit resets at 2026-11-28 21:00:00 UTC.", HOUR),
        ("Your limit Resets at 2026-11-29 05:00:00.", HOUR),
    ],
)
def test_beijing_is_meant_only_where_no_zone_is_named(message: str, seconds: float):
    assert earliest_retry({}, {"error": {"message": message}}, WALL) == pytest.approx(seconds)


def test_a_quota_of_a_day_without_a_delay_ends_at_midnight_in_california():
    quota = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
    details: list[dict[str, object]] = [{"violations": [quota]}]
    body = {"error": {"message": "exceeded", "details": details}}
    assert earliest_retry({}, body, WALL) == pytest.approx(12 * HOUR)
    details.append({"@type": "google.rpc.RetryInfo", "retryDelay": "34s"})
    assert earliest_retry({}, body, WALL) == 34.0


def test_the_end_of_a_day():
    assert until_midnight("UTC", WALL) == pytest.approx(4 * HOUR)
    assert until_midnight("No/Where", WALL) is None


MOMENTS = st.datetimes(datetime(2026, 11, 29), datetime(2027, 10, 1))


@given(MOMENTS.map(lambda moment: moment.replace(second=0, microsecond=0)), st.booleans())
def test_a_date_is_read_however_it_is_written(moment: datetime, by_name: bool):
    written = moment.strftime("%b %d, %Y %I:%M %p" if by_name else "%Y-%m-%d at %H:%M")
    due = (moment.replace(tzinfo=UTC) - NOW).total_seconds()
    assert first(f"You will regain access on {written} UTC.") == pytest.approx(due)


@given(
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["America/Los_Angeles", "Asia/Seoul", "Europe/Berlin", "UTC"]),
)
def test_a_time_of_the_day_is_the_next_one_there(hour: int, minute: int, zone: str):
    half = f"{hour % 12 or 12}:{minute:02}{'pm' if hour >= 12 else 'am'}"
    seconds = first(f"resets {half} ({zone})")
    assert seconds is not None and 0 < seconds <= DAY
    there = (NOW + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone))
    assert (there.hour, there.minute) == (hour, minute)


@given(st.integers(0, 30), st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_spans_add_up(days: int, hours: int, minutes: int, seconds: int):
    due = days * DAY + hours * HOUR + minutes * 60 + seconds
    assert first(f"Please try again in {days}d{hours}h{minutes}m{seconds}s.") == due
    words = f"{days} days, {hours} hours, {minutes} minutes and {seconds} seconds"
    assert first(f"Please retry after {words}.") == due


@given(st.text(max_size=300), st.floats(0, 4e9))
def test_garbage_is_nothing_or_a_time_to_come(message: str, wall: float):
    assert all(seconds >= 0 for seconds in terms_in_words(f"resets at {message}", wall))
