"""One event on its way to a receiver."""

import base64
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from standardwebhooks import WebhookVerificationError

from switchyard.config.webhooks import WebhookSettings
from switchyard.webhooks.sender import SendResult
from switchyard.webhooks.sender import WebhookSender
from tests.support.hook_receiver import SECRET
from tests.support.hook_receiver import HookReceiver

OTHER = base64.b64encode(b"another secret of 32 bytes, now.").decode()
BODY = '{"type":"quota.warning","data":{"owner":"é"}}'


def send(given: dict[str, object]) -> SendResult:
    with WebhookSender(WebhookSettings.model_validate(given), None) as sender:
        return sender.send("msg_1", BODY)


def test_the_librarys_own_check_takes_the_signature() -> None:
    with HookReceiver() as receiver:
        assert send(receiver.settings(secret=[OTHER, SECRET])) == SendResult(True, status=204)
        (got,) = receiver.wait_for(1)
        for secret in (SECRET, OTHER):
            assert got.event(secret)["data"] == {"owner": "é"}
        with pytest.raises(WebhookVerificationError):
            got.event(base64.b64encode(b"x" * 32).decode())
        assert got.path == "/in?room=7" and got.message == "msg_1"
        assert got.headers["host"] == receiver.url.removeprefix("http://")
        assert got.headers["content-type"] == "application/json"


def test_one_connection_takes_many_events() -> None:
    with HookReceiver() as receiver:
        settings = WebhookSettings.model_validate(receiver.settings())
        with WebhookSender(settings, None) as sender:
            assert all(sender.send(f"msg_{n}", BODY).ok for n in range(3))
        assert [one.message for one in receiver.wait_for(3)] == ["msg_0", "msg_1", "msg_2"]


def test_a_redirect_is_not_followed() -> None:
    with HookReceiver() as target, HookReceiver(307, headers={"location": target.url}) as receiver:
        result = send(receiver.settings())
        assert (result.ok, result.status, result.why) == (False, 307, "it answered 307")
        assert target.received == []


@pytest.mark.parametrize(("asked", "wait"), [("7", 7), ("999999", 86400), ("soon", None)])
def test_a_receiver_that_is_busy_says_for_how_long(asked: str, wait: float | None) -> None:
    with HookReceiver(429, headers={"retry-after": asked}) as receiver:
        assert send(receiver.settings()).retry_after == wait


def test_an_address_inside_is_not_called() -> None:
    with HookReceiver() as receiver:
        given = receiver.settings(url=receiver.url.replace("http:", "https:"))
        result = send({**given, "allow-private": False})
        assert not result.ok and "public internet" in result.why
        assert receiver.received == []


def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look-up would give another address, but there is none."""
    answers = [[(0, 0, 0, "", ("127.0.0.1", 443))]]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.pop())
    result = send({"url": "https://rebound.example/in", "secret": SECRET})
    assert not result.ok and "public internet" in result.why
    assert answers == []


def test_why_there_was_no_answer_has_nothing_of_the_url() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/path-with-a-token"
        result = send({"url": url, "secret": SECRET, "allow-private": True})
        assert result == SendResult(False, "it gave no answer (ConnectError)")


@pytest.mark.parametrize("name", ["hooks.example", "other.example"])
def test_the_certificate_is_that_of_the_name_and_the_address_that_of_the_look_up(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look-up of the name would fail."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example").configure_cert(context)
    usual, asked = socket.getaddrinfo, []

    def look_up(host: Any, *place: Any, **more: Any) -> Any:
        asked.append(host)
        if host == name and asked.count(name) == 1:
            return usual("127.0.0.1", *place, **more)
        return usual(host, *place, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with HookReceiver(tls=context) as receiver:
        given = receiver.settings(url=f"https://{name}:{receiver.port}/in")
        settings = WebhookSettings.model_validate(given)
        with WebhookSender(settings, str(tmp_path / "ca.pem")) as sender:
            result = sender.send("msg_1", BODY)
        assert asked.count(name) == 1
        if name == "other.example":
            assert not result.ok and receiver.received == []
            return
        assert result == SendResult(True, status=204)
        (got,) = receiver.wait_for(1)
        assert got.headers["host"] == f"hooks.example:{receiver.port}"
        assert got.event()["type"] == "quota.warning"
