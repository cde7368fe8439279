"""Real coding tools do a task of ten steps while the combo changes its member at every step.

`scripts/test --tools` runs all of them; every other run only one.
"""

import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.integration.tools.clients import CLIENTS
from tests.integration.tools.clients import Client
from tests.integration.tools.conftest import FAST
from tests.integration.tools.conftest import Report
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.moving import FILE
from tests.integration.tools.moving import ORDERS
from tests.integration.tools.moving import REPEATING
from tests.integration.tools.moving import STEPS
from tests.integration.tools.moving import Course
from tests.integration.tools.moving import lines_from
from tests.support.upstream import Upstream

TOOLS = ("gemini", "codex", "claude")
FAST_ORDER = "of-each-format"

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="google-genai, which judges requests, needs Python 3.13 here"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    course = Course(tmp_path_factory.mktemp("moving"), Upstream().start())
    yield course
    course.close()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "client", [c for c in CLIENTS if c.name in TOOLS], ids=lambda client: client.name
)
def test_ten_steps_are_done_though_each_has_another_member(
    course: Course, report: Report, client: Client, order: str
) -> None:
    report.skip_unless(client.name == FAST and order == FAST_ORDER)
    try:
        outcome, journey = course.run(client, order)
    except NotInstalled as error:
        report.skip_missing(client.tool, error)
    made = outcome.work / FILE
    lines = lines_from(outcome.word)
    done = made.is_file() and made.read_text().split() == lines
    report.add(client.name, f"ten steps, {order}", outcome, passed=done)
    story = journey.story(outcome)
    assert done, story
    assert outcome.ended.status == 0 and lines[-1] in outcome.ended.output, story
    assert not journey.refused and not journey.problems, story
    statuses = {seen["status"] for seen in outcome.watched if seen.get("provider")}
    assert statuses == {200}, story
    assert [step for step, _ in journey.answered] == list(range(STEPS + 1)), story
    assert all(one[1] != two[1] for one, two in pairwise(journey.answered)), story
    assert journey.returned == journey.given, story
    assert journey.given or order == REPEATING, story
