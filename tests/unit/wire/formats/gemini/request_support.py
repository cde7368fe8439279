"""What the tests of `request` have in common."""

from typing import Any

from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Turn
from tests.unit.wire import laws

GEMINI = Gemini()


USER = {"role": "user", "parts": [{"text": "Hi"}]}


def body(*contents: Any, **members: Any) -> dict[str, Any]:
    return {"contents": list(contents or (USER,)), **members}


def read(*contents: Any, **members: Any) -> Conversation:
    """Read, after seeing that nothing is lost."""
    said = body(*contents, **members)
    laws.request_identity(GEMINI, said)
    return GEMINI.read_request(said)


def foreign(*turns: Turn, **members: Any) -> Conversation:
    return Conversation(format="openai-chat", model="m", turns=turns, **members)


def write(*turns: Turn, **members: Any) -> dict[str, Any]:
    return GEMINI.write_request(foreign(*turns, **members))


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts)


def assistant(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts)


HI = user(Text(text="Hi"))
