"""A sample of the street's conversations: every ordered pair of vendors, A, B, A again, once.

`python -m tests.integration.street` holds all of them, `--triples` those with a third vendor.
"""

import sys
from collections.abc import Iterator

import pytest

from tests.integration.street.matrix import held
from tests.integration.street.matrix import opened
from tests.integration.street.matrix import pairs
from tests.integration.street.matrix import report
from tests.integration.street.matrix import sample
from tests.integration.street.matrix import triples
from tests.integration.street.talks import TURNS
from tests.integration.street.talks import Talk

THIRDS = 33
"""Every so many of the orders with a third vendor is held."""

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="google-genai, which judges requests, needs Python 3.13 here"
)


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Talk]]:
    with opened(tmp_path_factory.mktemp("street")) as (street, router):
        yield held(street, router.url, sample([*pairs(), *triples()[::THIRDS]]))


def test_no_client_sees_a_refusal_and_nothing_is_missing(talks: list[Talk]) -> None:
    faults = [f"{talk.client} {talk.stream} {talk.name}: {talk.problems}" for talk in talks
              if talk.problems]  # fmt: skip
    assert not faults, "\n".join([*report(talks), *faults])
    assert all(len(talk.answered) >= TURNS for talk in talks)


def test_own_proofs_come_back_in_formats_that_have_a_place_for_them(talks: list[Talk]) -> None:
    for client in ("openai-responses", "anthropic", "gemini"):
        able = sum(talk.able for talk in talks if talk.client == client)
        kept = sum(talk.kept for talk in talks if talk.client == client)
        assert able and kept / able > 0.3, (client, kept, able)


def test_the_beginning_of_a_prompt_stays_as_it_was(talks: list[Talk]) -> None:
    same = [fits for talk in talks for fits in talk.prefixes]
    assert sum(same) / len(same) > 0.98
