"""Receivers of webhooks, as a file has them."""

import base64

import pytest
from pydantic import ValidationError

from switchyard.config.webhooks import EVENT_NAMES
from switchyard.config.webhooks import WebhookSettings

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
URL = "https://hooks.example/in?room=7"


def settings(**members: object) -> WebhookSettings:
    given = {"url": URL, "secret": SECRET, **members}
    return WebhookSettings.model_validate({k.replace("_", "-"): v for k, v in given.items()})


def test_a_receiver_gets_all_events_by_default() -> None:
    made = settings()
    assert made.events == EVENT_NAMES and not made.allow_private
    assert [one.get_secret_value() for one in made.secret] == [SECRET]
    assert SECRET not in repr(made)
    assert hash(made) == hash(settings()) and made == settings()


def test_two_secrets_while_one_takes_the_others_place() -> None:
    other = base64.b64encode(b"o" * 24).decode()
    assert len(settings(secret=[SECRET, other]).secret) == 2


def test_plain_http_within_ones_own_network() -> None:
    assert settings(url="http://10.0.0.7:9000/in", allow_private=True).url


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"url": "http://hooks.example/in"}, "everybody on the way can read"),
        ({"url": "ftp://hooks.example/in"}, "must be an https:// URL"),
        ({"url": "https://user:word@hooks.example/in"}, "has a user name"),
        ({"url": "https://hooks.example/in#top"}, "has a user name, a password or a #"),
        ({"url": "hooks.example"}, "is not a URL with a host"),
        ({"url": "https://hooks.example:99999/"}, "is not a URL with a host"),
        ({"url": "https://hooks.example/a b"}, "is not a URL with a host"),
        ({"secret": "not base64!"}, "holds white space"),
        ({"secret": "whsec_a-b-c"}, "is no secret of webhooks"),
        ({"secret": base64.b64encode(b"short").decode()}, "must hold 24 to 64 bytes"),
        ({"secret": []}, "at least 1 item"),
        ({"events": ["request.began"]}, "request.completed"),
        ({"events": []}, "at least 1 item"),
        ({"pause": "0s"}, "must be more than 0"),
        ({"retries": -1}, "greater than or equal to 0"),
    ],
)
def test_what_is_refused(members: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as raised:
        settings(**members)
    assert SECRET not in str(raised.value)
