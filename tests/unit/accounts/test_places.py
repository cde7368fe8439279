import pytest

from switchyard.accounts.places import value_at

DOCUMENT = {
    "tokens": {"access_token": "a"},
    "https://auth.x.ai::id": {"key": "b"},
    "list": [{"name": "x", "value": 1}, {"name": "y", "value": 2}],
}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("tokens.access_token", "a"),
        (r"https://auth\.x\.ai::id.key", "b"),
        ("list.1.value", 2),
        ('list.#(name=="y").value', 2),
        ("list.7", None),
        ('list.#(name=="z").value', None),
        ("tokens.access_token.more", None),
        ("nothing", None),
    ],
)
def test_a_value_by_its_path(place: str, value: object) -> None:
    assert value_at(DOCUMENT, place) == value
