"""What Converse cannot say is told, in recorded requests of every format."""

import json
from typing import Any

import pytest

from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.unreached import Unreached
from switchyard.wire.translate.unreached import Way
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import requests
from tests.unit.wire.formats.converse.asking import CLAUDE
from tests.unit.wire.formats.converse.asking import LLAMA
from tests.unit.wire.formats.converse.asking import NOVA
from tests.unit.wire.translate.test_unreached import BASES
from tests.unit.wire.translate.test_unreached import SERVED
from tests.unit.wire.translate.test_unreached import THINKING

UNREACHED = Unreached()
IN_PARTS = ("generationConfig", "options", "tools")
"""Members that are compared by what they hold."""


def told(way: Way, body: dict[str, Any]) -> tuple[str, set[str]]:
    """What is sent for a request, and what the client is told that it lacks."""
    read, written = way.write(body)
    names = {*UNREACHED.names(body, way, written), *lost(read, way.target)}
    return json.dumps(written), names


@needs_corpus
@pytest.mark.parametrize("model", [CLAUDE, NOVA, LLAMA])
@pytest.mark.parametrize("client", BASES)
def test_nothing_is_lost_untold_in_the_corpus(client: str, model: str) -> None:
    wrong: list[str] = []
    way = Way(client, "converse", model)
    for record in requests(client):
        body = record.request or {}
        full, names = told(way, body)
        for key, value in body.items():
            rest = {name: one for name, one in body.items() if name != key}
            if key in (*SERVED, *BASES[client], *IN_PARTS) or (key in THINKING & {*body}):
                continue
            if value in (None, False, "", [], {}, "auto", 1, True, ["reasoning.encrypted_content"]):
                continue
            sent, others = told(way, rest)
            if sent == full and key not in names and not names - others:
                wrong.append(f"{record.id}: {key}={str(value)[:60]}")
    assert not wrong, "\n".join(wrong[:40])
