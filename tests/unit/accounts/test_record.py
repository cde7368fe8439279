import json
import math

import pytest

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.record import RecordError

WHOLE = AccountRecord(
    name="kimi",
    label="work",
    subject="u-1",
    access_token="tok-1",
    refresh_token="ref-1",
    client_id="c",
    client_secret="s3cret",
    expires_at=1000.0,
    obtained_at=400.0,
    values={"resource_url": "portal"},
)


@pytest.mark.parametrize("record", [WHOLE, AccountRecord(name="kimi")])
def test_a_record_is_read_as_it_was_written(record: AccountRecord) -> None:
    assert AccountRecord.from_json(record.as_json()) == record


def test_a_record_shows_no_token() -> None:
    shown = repr(WHOLE)
    assert not any(secret in shown for secret in ("tok-1", "ref-1", "s3cret", "portal"))
    assert WHOLE.secrets == ("tok-1", "ref-1", "s3cret")


def test_the_lead_is_at_most_half_the_life() -> None:
    assert WHOLE.renew_at(100.0) == 900.0
    assert WHOLE.renew_at(500.0) == 700.0
    assert math.isinf(AccountRecord(name="x").renew_at(300.0))


def test_what_steps_may_name() -> None:
    known = WHOLE.templates()
    assert known["refresh_token"] == "ref-1" and known["resource_url"] == "portal"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1, "state": "odd"}',
     json.dumps({"version": 1, "state": "ok", "expires_at": None, "nonsense": 1})],
)  # fmt: skip
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(RecordError):
        AccountRecord.from_json(text)
