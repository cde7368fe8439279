"""What the server of the API gets of a request, and the client of its answer."""

from mitmproxy import http

from switchyard.exchange.client_head import ClientHead
from switchyard.failover.attempt import AttemptFailure
from switchyard.management.caller import CALLER
from switchyard.management.caller import PROOF
from switchyard.management.caller import Caller
from switchyard.management.caller import decode_caller
from switchyard.management.link import ApiReceiver
from switchyard.management.link import api_request

CALLER_HERE = Caller(peer="127.0.0.1", who="management", role="admin")


def test_the_request_has_no_key_and_no_forged_caller() -> None:
    fields = [
        (b"Authorization", b"Bearer manage-me-1"),
        (b"X-Management-Key", b"manage-me-1"),
        (b"X-Api-Key", b"manage-me-1"),
        (CALLER.encode(), b"forged"),
        (PROOF.upper().encode(), b"forged"),
        (b"Transfer-Encoding", b"chunked"),
        (b"If-Match", b'"abc"'),
        (b"Cookie", b"switchyard-session=1"),
    ]
    head = ClientHead(http.Headers(fields), "/v0/management/config?dry-run=1")
    request = http.Request.make("PUT", "http://127.0.0.1:8787/")
    asked = api_request(request, head, b"{}", CALLER_HERE, "proof", "localhost:8787")
    assert b"manage-me-1" not in b"".join(value for _, value in asked.headers.fields)
    assert decode_caller(asked.headers[CALLER]) == CALLER_HERE
    assert asked.headers.get_all(PROOF) == ["proof"]
    assert (asked.method, asked.path) == ("PUT", "/v0/management/config?dry-run=1")
    assert asked.headers["if-match"] == '"abc"'
    assert asked.headers["host"] == "localhost:8787"
    assert "transfer-encoding" not in asked.headers
    assert asked.headers["content-length"] == "2"


def answer(status: int) -> http.Response:
    return http.Response.make(
        status, b"", {"content-type": "text/event-stream", "content-length": "9"}
    )


def test_an_answer_streams_from_its_head_on() -> None:
    receiver = ApiReceiver("GET")
    receiver.start(answer(200))
    assert receiver.committed and not receiver.whole
    assert receiver.data(b"data: 1\n\n") == b"data: 1\n\n"
    assert receiver.skim(b"data: 2\n\n") == b"data: 2\n\n", "from wire to wire"
    assert receiver.progress == 2
    assert "content-length" not in receiver.head().headers
    receiver.end()
    assert receiver.done and not receiver.failed


def test_an_answer_without_a_body_is_whole() -> None:
    for receiver, status in ((ApiReceiver("GET"), 304), (ApiReceiver("HEAD"), 200)):
        receiver.start(answer(status))
        assert receiver.whole and not receiver.committed
        receiver.end()
        assert receiver.committed
        assert receiver.head().status_code == status


def test_a_broken_answer_has_failed() -> None:
    receiver = ApiReceiver("GET")
    receiver.start(answer(200))
    assert receiver.broken(AttemptFailure("reset", "gone")) == b""
    assert receiver.failed and not receiver.resumable
