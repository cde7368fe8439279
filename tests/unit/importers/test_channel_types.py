"""What the numbers of channel types mean."""

from switchyard.importers.channel_types import NEW_API
from switchyard.importers.channel_types import ONE_API
from switchyard.importers.known_providers import known_providers


def test_presets_exist() -> None:
    for types in (ONE_API, NEW_API):
        for kind in types.values():
            assert not kind.preset or kind.preset in known_providers(), kind
            assert not kind.path or kind.url, kind


def test_the_two_agree_up_to_25() -> None:
    assert {n: k for n, k in ONE_API.items() if n < 26} == {
        n: k for n, k in NEW_API.items() if n < 26
    }
    assert ONE_API[27] != NEW_API[27]
