"""The benchmark measures what it says: wrk's report, the tokens' clock, the tables."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from scripts.benchmark import h2load
from scripts.benchmark import wrk
from scripts.benchmark.calls import Call
from scripts.benchmark.calls import Row
from scripts.benchmark.calls import Upstreams
from scripts.benchmark.measures import QUICK
from scripts.benchmark.measures import Figures
from scripts.benchmark.measures import Paced
from scripts.benchmark.measures import measure_streams
from scripts.benchmark.ours import BARE
from scripts.benchmark.ours import DIRECT
from scripts.benchmark.ours import configuration
from scripts.benchmark.processes import Service
from scripts.benchmark.report import BEGIN
from scripts.benchmark.report import END
from scripts.benchmark.report import Report
from scripts.benchmark.report import plot_data
from scripts.benchmark.token_client import run
from scripts.benchmark.variants import limited
from tests.support.ports import free_port
from tests.unit.config.loading import load

DOCS = Path(__file__).resolve().parents[3] / "docs"

WRK = """Running 4s test @ http://127.0.0.1:9301/v1/chat/completions
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   104.00us   20.00us   1.10ms   90.00%
    Req/Sec    13.42k     8.92k   68.19k    97.50%
  Latency Distribution
     50%   78.00us
     75%    0.90ms
     90%    1.00ms
     99%    2.74s
  53401 requests in 4.00s, 12.34MB read
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:  13348.72
Transfer/sec:      3.08MB
"""


def test_wrks_report_is_read():
    assert wrk.parse(WRK) == wrk.Load(
        p50=0.078, p99=2740.0, per_second=13348.72, requests=53401, failed=10
    )


def test_whole_seconds_have_a_blank_behind_them():
    slow = WRK.replace("99%    2.74s", "99%    1.00s ")
    assert slow != WRK
    assert wrk.parse(slow).p99 == 1000.0


def test_without_an_answer_there_is_no_latency():
    silent = WRK.replace(" 53401 requests in", " 0 requests in")
    assert wrk.parse(silent).p50 is None


def test_what_is_no_report_is_refused():
    with pytest.raises(ValueError, match="not a report"):
        wrk.parse("unable to connect to 127.0.0.1:1 Connection refused")


H2LOAD = """starting benchmark...
spawning thread #0: 1 total client(s). 0 total requests
TLS Protocol: TLSv1.3
Application protocol: h2
Main benchmark duration is started for all threads. Warm-up is over, in progress

finished in 2.00s, 568.50 req/s, 190.21KB/s
requests: 1137 total, 1138 started, 1137 done, 1135 succeeded, 2 failed, 1 errored, 0 timeout
status codes: 1135 2xx, 0 3xx, 0 4xx, 2 5xx
"""


def test_h2loads_report_is_read():
    log = (
        "".join(f"160000000{n}\t200\t{1000 * n}\n" for n in range(1, 101)) + "1600000101\t503\t9\n"
    )
    assert h2load.parse(H2LOAD, log) == wrk.Load(
        p50=51.0, p99=100.0, per_second=568.5, requests=1135, failed=3
    )


def test_http1_is_no_http2():
    with pytest.raises(ValueError, match="not a report"):
        h2load.parse(H2LOAD.replace("protocol: h2", "protocol: http/1.1"), "")


def upstreams(whole: str, failing: str, stream: str) -> Upstreams:
    return Upstreams(whole, failing, stream, "", "", Path())


@pytest.fixture
def tokens(tmp_path):
    port = free_port()
    service = Service(
        [sys.executable, "-m", "scripts.benchmark.token_upstream", str(port)],
        log=tmp_path / "log",
    )
    try:
        service.wait_for(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        service.stop()


@pytest.mark.parametrize("rate", [0, 200])
def test_every_token_is_counted_with_its_delay(tokens, rate):
    row = Row(DIRECT, Call(tokens, "m"), Call(f"{tokens}/chat/completions", "m"))
    figures = Figures()
    paced = Paced(4, rate, 25)
    measure_streams(row, None, paced, upstreams("", "", tokens), figures)
    assert figures.broken_streams[paced.key] == 0
    if rate:
        assert 0 < figures.readings[f"delay p50 {paced.key}"][0] < 60_000
        assert figures.readings[f"first {paced.key}"][0] > 0
    else:
        assert figures.readings[f"chunks/s {paced.key}"][0] > 0


async def test_a_stream_that_breaks_off_has_failed():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\ndata: @1@\n\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        plan = {"url": f"http://127.0.0.1:{port}/", "headers": {}, "body": {}, "streams": 3}
        figures = await run({**plan, "spread": 0.0, "within": 30.0})
    assert (figures["failed"], figures["tokens"]) == (3, 3)


def test_switchyards_configuration_is_a_good_one():
    config = load(json.dumps(configuration(upstreams("http://a/v1", "http://b/v1", "http://c/v1"))))
    assert {provider.name for provider in config.providers} == {"whole", "failing", "stream"}


def test_the_keys_limits_are_good_ones():
    places = upstreams("http://a/v1", "http://b/v1", "http://c/v1")
    for state in ("memory", "redis://127.0.0.1:6379"):
        (key,) = load(json.dumps(limited(places, state))).clients.api_keys
        assert len(key.limits.requests) == len(key.limits.tokens) == 1


def report() -> Report:
    made = Report(QUICK, missing={"Portkey": "npm is not installed"})
    for name, p50 in ((DIRECT, 0.1), (BARE, 1.1), ("Switchyard, passthrough", 0.6)):
        made.rows.append(Row(name, Call("", ""), None, ours=name.startswith("Switch")))
        figures = made.figures[name] = Figures()
        for reading in (p50, p50, p50 + 50):
            figures.add("p50 c=1", reading)
            figures.add("requests/s c=16", 1000 / reading)
    return made


def test_latency_is_what_is_added_and_ratios_are_to_bare_mitmdump():
    text = report().text()
    ours = next(line for line in text.splitlines() if line.startswith("| **Switchyard"))
    cells = [cell.strip() for cell in ours.split("|")[2:-1]]
    assert cells[0] == "0.50" and cells[-2] == "0.50" and cells[-1] == f"{1.1 / 0.6:.2f}"
    assert "Not measured: Portkey: npm is not installed." in text


def test_the_plot_leaves_the_direct_way_out():
    data = plot_data(report())
    assert data["rows"] == [BARE, "Switchyard, passthrough"]
    assert data["panels"][0]["values"] == pytest.approx([1.0, 0.5])


def test_the_page_has_room_for_the_tables():
    page = (DOCS / "performance.md").read_text()
    assert page.index(BEGIN) < page.index(END)
