"""What is noted of a reply."""

from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import unfold
from switchyard.wire.model.proofs import proofs_of
from switchyard.wire.relay.notes import Notes
from switchyard.wire.relay.notes import NotesKeep

PARTS = (
    Thinking(text="hm", signature="SIG", signer="anthropic"),
    Thinking(redacted="BLOB", signer="anthropic", id="rs_1"),
    Opaque(format="anthropic", kind="server_tool_use", raw={"id": "srvtoolu_1"}),
    Text(text="words"),
    ToolCall(id="c1", name="f", arguments="{}", signature="CALLSIG", signer="gemini"),
)
REPLY = Reply(format="anthropic", choices=(Choice(parts=PARTS),))
PROOFS = {"SIG", "BLOB", "rs_1", "srvtoolu_1", "CALLSIG"}


def notes(keeps: NotesKeep = "proofs") -> Notes:
    return Notes(proofs_of, keeps)


def test_the_proofs_of_a_document() -> None:
    noted = notes()
    noted.take_reply(REPLY)
    assert set(noted.proofs) == PROOFS
    assert noted.parts == PARTS


def test_the_proofs_of_a_stream() -> None:
    noted = notes()
    noted.take(unfold(REPLY))
    assert set(noted.proofs) == PROOFS
    assert noted.parts == ()


def test_only_thinking_is_kept_of_words() -> None:
    plain, kept = notes(), notes("words")
    for one in (plain, kept):
        one.take(unfold(REPLY))
    assert [kept.forgets(TextDelta(index, "w")) for index in range(4)] == [False, False, True, True]
    assert all(plain.forgets(TextDelta(index, "w")) for index in range(4))


def test_the_words_of_a_stream() -> None:
    noted = notes("words")
    for event in unfold(REPLY):
        noted.take([event])
    assert noted.parts == PARTS
