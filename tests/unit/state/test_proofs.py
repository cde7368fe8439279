"""Who made which proof, and who refused it."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.state.proofs import ProofReader
from switchyard.state.proofs import Proofs
from switchyard.state.shelf import LocalShelf

ME, YOU = b"me", b"you"
GLM, CLAUDE = ProofReader("glm/m", "glm#0"), ProofReader("anthropic", "claude#0")


def noted() -> Proofs:
    proofs = Proofs()
    proofs.note(ME, GLM.maker, ["GLMSIG", ""])
    return proofs


def test_a_proof_is_for_its_maker_alone() -> None:
    proofs = noted()
    assert proofs.maker(ME, "GLMSIG") == GLM.maker
    assert proofs.is_for(ME, GLM, "GLMSIG")
    assert not proofs.is_for(ME, CLAUDE, "GLMSIG")


def test_what_is_not_known_may_be_sent() -> None:
    proofs = noted()
    assert proofs.maker(ME, "OTHER") is None
    assert proofs.is_for(ME, CLAUDE, "OTHER")
    assert proofs.is_for(ME, CLAUDE, "")
    assert proofs.maker(ME, "") is None


def test_clients_do_not_find_each_others() -> None:
    proofs = noted()
    assert proofs.maker(YOU, "GLMSIG") is None
    assert not proofs.is_mixed(YOU, CLAUDE)


def test_whether_anything_foreign_is_known() -> None:
    proofs = noted()
    assert not proofs.is_mixed(ME, GLM)
    assert proofs.is_mixed(ME, CLAUDE)
    proofs.note(ME, CLAUDE.maker, ["x"])
    assert proofs.is_mixed(ME, GLM)


def test_a_refusal_counts_for_the_credential() -> None:
    proofs = Proofs()
    proofs.note(ME, "openai", ["gAAAA1"])
    first, second = ProofReader("openai", "openai#0"), ProofReader("openai", "openai#1")
    proofs.refuse(ME, second, ["gAAAA1", "gAAAA2"])
    assert proofs.is_for(ME, first, "gAAAA1")
    assert not proofs.is_for(ME, second, "gAAAA1")
    assert not proofs.is_for(ME, second, "gAAAA2")
    assert proofs.is_mixed(ME, first)
    proofs.note(ME, "openai", ["gAAAA2"])
    assert not proofs.is_for(ME, second, "gAAAA2")


def test_the_alphabet_of_base64_does_not_count() -> None:
    proofs = Proofs()
    proofs.note(ME, "google", ["ab+/cd=="])
    assert proofs.maker(ME, "ab-_cd") == "google"


def test_nothing_of_a_proof_is_kept() -> None:
    shelf = LocalShelf()
    Proofs(shelf).note(ME, "m", ["SIGNATURE"])
    assert "SIGNATURE" not in repr(vars(shelf))


def test_processes_may_share() -> None:
    shelf = LocalShelf()
    Proofs(shelf, b"secret").note(ME, "m", ["S"])
    assert Proofs(shelf, b"secret").maker(ME, "S") == "m"
    assert Proofs(shelf, b"another").maker(ME, "S") is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(min_size=1)), max_size=40))
def test_the_last_maker_of_a_proof_counts(notes: list[tuple[str, str]]) -> None:
    proofs, last = Proofs(), dict[str, str]()
    for maker, proof in notes:
        proofs.note(ME, maker, [proof])
        last[proof.translate(str.maketrans("-_", "+/", "="))] = maker
    for proof, maker in last.items():
        assert proofs.maker(ME, proof) == (maker if proof else None)


def test_names_are_bounded() -> None:
    proofs = Proofs()
    for number in range(100):
        proofs.refuse(ME, ProofReader("m", f"c#{number}"), ["S"])
        proofs.note(ME, f"m{number}", ["T"])
    assert not proofs.is_for(ME, ProofReader("m", "c#99"), "S")
    assert proofs.is_for(ME, ProofReader("m", "c#1"), "S")
