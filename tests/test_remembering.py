import tracemalloc

from addons.headers import is_credential
from addons.remembering import MOST
from addons.remembering import remembering


def test_a_name_is_looked_at_once() -> None:
    asked: list[str] = []

    @remembering
    def length(name: str) -> int:
        asked.append(name)
        return len(name)

    assert [length("ab"), length("ab"), length("abc")] == [2, 2, 3]
    assert asked == ["ab", "abc"]


def test_long_names_are_not_kept() -> None:
    asked: list[bytes] = []

    @remembering
    def length(name: bytes) -> int:
        asked.append(name)
        return len(name)

    for _ in range(2):
        assert length(b"x" * 64) == 64
    assert len(asked) == 2


def test_many_names_take_no_more_memory_than_some() -> None:
    tracemalloc.start()
    for number in range(MOST):
        is_credential(f"x-{number}-{'y' * 40}")
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20 * MOST):
        is_credential(f"x-{number}-{'z' * 40}")
        is_credential(f"x-{number}-{'z' * 4000}")
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after < before + 256 * 1024
