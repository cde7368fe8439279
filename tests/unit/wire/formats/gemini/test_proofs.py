"""Which thought signatures of a Gemini history stay."""

from typing import Any

import pytest

from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.proofs import with_proofs
from switchyard.wire.model.proofs import nothing

CALL: dict[str, Any] = {"functionCall": {"id": "c1", "name": "read", "args": {}}}


def own(proof: str) -> bool:
    return proof == "OWN"


def history(*parts: Any) -> dict[str, Any]:
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": list(parts)},
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "read"}}]},
        ]
    }


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_a_call_keeps_a_place_for_its_signature(name: str) -> None:
    body = history({**CALL, name: "FOREIGN"})
    parts = with_proofs(body, own)["contents"][1]["parts"]
    assert parts == [{**CALL, name: NO_SIGNATURE}]
    assert (
        with_proofs(history({**CALL, name: "OWN"}), own)["contents"][1]["parts"][0][name] == "OWN"
    )


def test_words_stay_and_thoughts_go() -> None:
    words = {"text": "hello"}
    kept = with_proofs(
        history(
            {"text": "thought", "thought": True, "thoughtSignature": "FOREIGN"},
            {**words, "thoughtSignature": "FOREIGN"},
            {"text": "", "thoughtSignature": "FOREIGN"},
            {"thoughtSignature": "FOREIGN"},
        ),
        own,
    )
    assert kept["contents"][1]["parts"] == [words]


def test_a_body_that_may_stay_is_the_same_object() -> None:
    body = history({**CALL, "thoughtSignature": NO_SIGNATURE}, {"text": "a"})
    assert with_proofs(body, nothing) is body
    body = history({**CALL, "thoughtSignature": "OWN"}, {"text": "a", "thought": True})
    assert with_proofs(body, own) is body


@pytest.mark.parametrize(
    "contents", [None, "text", [None], [{"role": "model", "parts": [1, None]}]]
)
def test_odd_contents_are_no_trouble(contents: Any) -> None:
    with_proofs({"contents": contents}, nothing)
