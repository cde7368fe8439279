"""Which flows go on record, and under which id."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from mitmproxy import flow as mflow
from mitmproxy import http

from switchyard.clients.key_format import issue_key
from switchyard.config.client_keys import ClientKey
from switchyard.exchange.exchange import Admission
from switchyard.pipeline.access import Access
from switchyard.pipeline.accounting import Accounting
from switchyard.recording import request_record
from switchyard.usage.places import RecordPlace
from switchyard.usage.store import Retention
from switchyard.usage.writer import Making
from tests.support.runtime import CONFIG
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.unit.usage.support import whole_rows


@pytest.fixture
def runtime() -> FakeRuntime:
    return make_runtime()


@pytest.fixture
def accounting(runtime: FakeRuntime, tmp_path: Path) -> Accounting:
    runtime.ledger.keep_at(RecordPlace(tmp_path, Retention(10**9, 10**12)))
    return addon_of(runtime, Accounting)


def refused(flow: http.HTTPFlow, status: int = 401) -> http.HTTPFlow:
    flow.response = http.Response.make(status, b"no")
    flow.response.timestamp_start = flow.request.timestamp_start
    return flow


def id_of(flow: http.HTTPFlow) -> UUID:
    assert flow.response is not None
    return UUID(flow.response.headers["x-switchyard-request"])


def test_a_call_that_was_refused(
    runtime: FakeRuntime, accounting: Accounting, tmp_path: Path
) -> None:
    flow = refused(call_flow(runtime, headers={"user-agent": "curl/8.5"}))
    accounting.responseheaders(flow)
    accounting.response(flow)
    accounting.done()
    (row,) = whole_rows(tmp_path)
    assert UUID(bytes=row["id"]) == id_of(flow)
    assert (row["state"], row["error"], row["tool"]) == ("refused", "authentication", "curl")


def test_a_client_that_left_before_its_body_was_read(
    runtime: FakeRuntime, accounting: Accounting, tmp_path: Path
) -> None:
    flow = call_flow(runtime)
    flow.error = mflow.Error("connection closed")
    accounting.error(flow)
    accounting.done()
    (row,) = whole_rows(tmp_path)
    assert (row["state"], row["status"]) == ("client-left", None)


WARY = (
    CONFIG
    + """\
    clients: {api-keys: [
        {key: sk-late, name: late, expires: 2026-01-01, project: yard},
        {key: sk-blocked, name: blocked, blocked: true},
        {key: sk-away, name: away, addresses: [203.0.113.0/24]},
        {key: sk-good, name: good},
        {key-hash: HASH, id: ISSUED, name: issued, blocked: true}]}
"""
)
ISSUED = issue_key()


@pytest.mark.parametrize(
    ("key", "status", "name"),
    [
        ("sk-late", 401, "late"),
        ("sk-blocked", 403, "blocked"),
        ("sk-away", 403, "away"),
        (ISSUED.text, 403, "issued"),
        (issue_key(ISSUED.id).text, 401, None),
        (ISSUED.text[:-1], 401, None),
        (ISSUED.id, 401, None),
        ("late", 401, None),
    ],
    ids=["expired", "blocked", "from elsewhere", "issued", "id alone", "short", "bare id", "name"],
)
def test_whose_call_was_refused(tmp_path: Path, key: str, status: int, name: str | None) -> None:
    """A key that is shown whole, if it may not be used; who knows its id alone is a stranger."""
    runtime = make_runtime(WARY.replace("HASH", ISSUED.hash).replace("ISSUED", ISSUED.id))
    runtime.ledger.keep_at(RecordPlace(tmp_path, Retention(10**9, 10**12)))
    accounting, flow = addon_of(runtime, Accounting), call_flow(runtime, headers={"x-api-key": key})
    addon_of(runtime, Access).requestheaders(flow)
    assert flow.response is not None and flow.response.status_code == status
    assert runtime.clients.client_of(flow) is None, "no right follows from a refused key"
    flow.response.timestamp_start = flow.request.timestamp_start
    accounting.response(flow)
    accounting.done()
    (row,) = whole_rows(tmp_path)
    assert (row["state"], row["client_key"]) == ("refused", name)
    assert row["project"] == ("yard" if name == "late" else None)


def test_a_call_that_is_refused_after_its_key_was_admitted(
    runtime: FakeRuntime, accounting: Accounting, tmp_path: Path
) -> None:
    flow = refused(call_flow(runtime), 400)
    client = ClientKey.model_validate({"key": "sk-good", "name": "good"})
    config = runtime.snapshot.config
    runtime.clients.admit(flow, Admission(config=config, client=client))
    runtime.clients.refuse(flow)
    accounting.response(flow)
    runtime.clients.end(flow)
    assert runtime.clients.caller_of(flow) is None
    accounting.done()
    (row,) = whole_rows(tmp_path)
    assert (row["state"], row["client_key"]) == ("refused", "good")


@pytest.mark.parametrize(
    ("path", "to"),
    [("/health", None), ("/v1/models", None), ("/nothing", None), ("/x", ("other.example", 443))],
)
def test_what_is_no_call(
    runtime: FakeRuntime,
    accounting: Accounting,
    tmp_path: Path,
    path: str,
    to: tuple[str, int] | None,
) -> None:
    flow = refused(client_flow(runtime, path, to=to), 200)
    accounting.responseheaders(flow)
    accounting.response(flow)
    accounting.done()
    assert flow.response is not None and "x-switchyard-request" not in flow.response.headers
    assert whole_rows(tmp_path) == []


def test_a_request_that_ends_while_it_is_noted_as_running(
    runtime: FakeRuntime, accounting: Accounting, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Making] = []
    monkeypatch.setattr(runtime.ledger, "begin", lambda _, make: made.append(make))
    pipeline, flow = Pipeline(runtime), call_flow(runtime)
    exchange = pipeline.begin(flow)
    accounting.request(flow)
    pipeline.attempt(flow)
    made_attempts = request_record._attempts

    def released(*args: Any) -> Any:
        exchange.release()  # as by the event loop, whose thread is another
        return made_attempts(*args)

    monkeypatch.setattr(request_record, "_attempts", released)
    record = made[-1]()
    assert (record.state, record.attempts, len(record.tries)) == ("running", 1, 1)
