from switchyard.redaction.learned import LearnedSecrets
from switchyard.redaction.learned import Renewed


def test_secrets_are_learned_by_owner_and_old_ones_go() -> None:
    learned = LearnedSecrets()
    for number in range(20):
        learned.learn("a", f"secret-{number}")
    learned.learn("b", "other")
    assert "secret-19" in learned.all() and "secret-0" not in learned.all()
    assert learned.of(["b"]) == ("other",)
    assert learned.of(["c"]) == ()


def test_only_what_is_new_is_a_change() -> None:
    learned = LearnedSecrets()
    learned.learn("a", "secret")
    before = learned.version
    learned.learn("a", "secret")
    learned.learn("a", "")
    assert learned.version == before


def test_a_value_is_made_anew_after_a_change_alone() -> None:
    learned = LearnedSecrets()
    made: list[int] = []
    renewed = Renewed(learned, lambda: made.append(len(made)) or len(made))
    assert (renewed.value, renewed.value) == (1, 1)
    learned.learn("a", "secret")
    assert (renewed.value, renewed.value) == (2, 2)
