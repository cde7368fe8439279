"""Tries, pauses and the end of them."""

import pytest

from switchyard.config.webhooks import WebhookSettings
from switchyard.webhooks.receiver import LONGEST_PAUSE
from switchyard.webhooks.receiver import pause_before
from switchyard.webhooks.receiver import receiver_id
from switchyard.webhooks.receiver import receiver_label
from tests.support.hook_receiver import SECRET


def settings(url: str = "https://hooks.example:8443/T0KEN?k=v") -> WebhookSettings:
    return WebhookSettings.model_validate({"url": url, "secret": SECRET})


@pytest.mark.parametrize(("tries", "usual"), [(1, 5.0), (2, 20.0), (3, 80.0), (6, 5120.0)])
def test_pauses_grow(tries: int, usual: float) -> None:
    pauses = [pause_before(settings(), tries) for _ in range(50)]
    assert all(0.9 * usual <= one <= 1.1 * usual for one in pauses)
    assert len(set(pauses)) > 1


def test_pauses_have_an_end() -> None:
    assert pause_before(settings(), 10_000) <= 1.1 * LONGEST_PAUSE


def test_a_receiver_is_called_by_its_host() -> None:
    assert receiver_label(settings()) == "https://hooks.example:8443"
    assert "T0KEN" not in receiver_id(settings())
    assert receiver_id(settings()) != receiver_id(settings("https://hooks.example:8443/other"))
