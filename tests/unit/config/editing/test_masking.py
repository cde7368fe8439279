"""Secrets are masked for people, and masks that come back stand for what they masked."""

import pytest

from switchyard.config.editing.masking import Masks
from switchyard.config.editing.masking import UnknownMask
from switchyard.config.editing.masking import mask_of
from switchyard.config.editing.pieces import read_plain

TEXT = """
# old: api-key: sk-oldoldoldoldold1
clients: {api-keys: [sk-client-123456, {key: "short", name: x}, "${ENV}"]}
management: {key: "with \\"quote\\" in it"}
providers:
  - name: a
    api-key: sk-ant-1234567890abcd  # the key
    headers: {Authorization: "Bearer tok-abcdefgh12345", X-Trace: $X-Trace}
    proxy-url: http://u:p4ssw0rd-long@host:1
    credentials: own
    tls: {cert: a.pem, key: b.pem}
  - name: b
    api-key-entries: [sk-ant-zzzzzzzzzzabcd, {api-key: sk-x}, "${K:-sk-default-1234567}"]
usage: {server: "postgresql://u:pw@h/db"}
webhooks:
  - {url: https://hooks.slack.example/services/T01/B02/abcdefghijkl, secret: whsec_c3dpdGNoeWFyZA}
  - {url: "https://hooks.example/?token=t0k3n"}
  - {url: "https://hooks.example/${WEBHOOK}"}
"""
SECRETS = (
    *("sk-oldoldoldoldold1", "sk-client-123456", "short", "quote", "sk-ant-1234567890abcd"),
    *("tok-abcdefgh12345", "p4ssw0rd-long", "sk-ant-zzzzzzzzzzabcd", "sk-x", ":pw@"),
    *("sk-default-1234567", "T01", "abcdefghijkl", "c3dpdGNoeWFyZA", "t0k3n"),
)


def test_no_secret_is_shown() -> None:
    masks = Masks(TEXT)
    for shown in (masks.masked_text(), str(masks.masked(read_plain(TEXT)))):
        assert not [secret for secret in SECRETS if secret in shown]
        for kept in ("${ENV}", "$X-Trace", "own", "a.pem", "b.pem", "host:1", "sk-...abcd"):
            assert kept in shown


def test_masks_that_come_back_change_nothing() -> None:
    masks = Masks(TEXT)
    assert masks.restored(masks.masked(read_plain(TEXT))) == read_plain(TEXT)
    assert masks.restored_text(masks.masked_text()) == TEXT


def test_secrets_that_look_alike_are_told_apart() -> None:
    data = Masks(TEXT).masked(read_plain(TEXT))
    first, second = data["providers"][0]["api-key"], data["providers"][1]["api-key-entries"][0]
    assert first == "sk-...abcd"
    assert second == "sk-...abcd~2"
    data["providers"].reverse()
    restored = Masks(TEXT).restored(data)
    assert restored["providers"][1]["api-key"] == "sk-ant-1234567890abcd"
    assert restored["providers"][0]["api-key-entries"][0] == "sk-ant-zzzzzzzzzzabcd"


def test_a_mask_of_nothing_is_refused() -> None:
    data = {"providers": [{"name": "a", "api-key": "sk-...zzzz"}]}
    with pytest.raises(UnknownMask):
        Masks(TEXT).restored(data)


def test_a_mask_where_no_secret_stands_stays_a_text() -> None:
    data = {"providers": [{"name": "sk-...abcd"}]}
    assert Masks(TEXT).restored(data) == data


@pytest.mark.parametrize(
    ("secret", "mask"),
    [("sk-ant-1234567890abcd", "sk-...abcd"), ("0123456789abcdef", "...cdef"), ("short", "***")],
)
def test_what_a_mask_shows(secret: str, mask: str) -> None:
    assert mask_of(secret) == mask
