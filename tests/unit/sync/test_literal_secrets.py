import pytest

from switchyard.sync.errors import SyncError
from switchyard.sync.literal_secrets import named_secrets
from switchyard.sync.literal_secrets import names_in
from switchyard.sync.literal_secrets import names_needed

TEXT = """\
providers:
  - preset: openai  # mine
    api-key: &shared sk-one-0123456789
  - {name: g-2, base-url: "https://me:pass-0123456789@x.example/v1", api-key: "sk-two-0123456789"}
  - name: more
    headers: {Authorization: Bearer sk-one-0123456789, X-Plain: yes-it-is}
    api-key-entries: [sk-three-0123456789, "${SET}", "${OTHER:-none}"]
clients:
  api-keys: [{name: phone, key: sk-four-0123456789}]
"""


def test_each_secret_gets_a_name() -> None:
    named = named_secrets(TEXT, {})
    assert named.secrets == {
        "OPENAI_API_KEY": "sk-one-0123456789",
        "G_2_BASE_URL": "pass-0123456789",
        "G_2_API_KEY": "sk-two-0123456789",
        "MORE": "sk-three-0123456789",
        "API_KEYS_PHONE_KEY": "sk-four-0123456789",
    }
    assert named.places["OPENAI_API_KEY"] == "providers[0].api-key"
    assert (
        named.text
        == """\
providers:
  - preset: openai  # mine
    api-key: &shared '${OPENAI_API_KEY}'
  - {name: g-2, base-url: 'https://me:${G_2_BASE_URL}@x.example/v1', api-key: '${G_2_API_KEY}'}
  - name: more
    headers: {Authorization: 'Bearer ${OPENAI_API_KEY}', X-Plain: yes-it-is}
    api-key-entries: ['${MORE}', "${SET}", "${OTHER:-none}"]
clients:
  api-keys: [{name: phone, key: '${API_KEYS_PHONE_KEY}'}]
"""
    )
    assert named_secrets(named.text, {}).text == named.text


def test_names_of_other_values_are_avoided() -> None:
    text = "providers: [{name: a, api-key: sk-one-0123456789}]\n"
    for taken, name in (
        ({"A_API_KEY": "another"}, "A_API_KEY_2"),
        ({"A_API_KEY": "sk-one-0123456789"}, "A_API_KEY"),
    ):
        assert set(named_secrets(text, taken).secrets) == {name}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# api-key: sk-proj-abcdefghijklmnop\na: 1\n", "a comment of the configuration"),
        (
            "providers: [{name: a, api-key: '${A:-sk-0123456789}'}]\n",
            r"providers\[0\].api-key: the",
        ),
    ],
)
def test_what_cannot_be_taken_out_is_refused(text: str, why: str) -> None:
    with pytest.raises(SyncError, match=why) as error:
        named_secrets(text, {})
    assert "0123456789" not in str(error.value)


def test_names_that_presets_need() -> None:
    text = "providers: [{preset: openrouter}, {name: a, base-url: '${B:-x}', api-key: '${A}'}]\n"
    assert names_needed(text) == {"OPENROUTER_API_KEY", "A"}
    assert names_needed("") == names_needed("providers: 1\n") == set()


def test_a_text_without_values() -> None:
    assert named_secrets("", {}).text == ""
    assert names_in("a: ${ONE} ${TWO:-${THREE}} $${FOUR}") == {"ONE", "TWO", "THREE"}
