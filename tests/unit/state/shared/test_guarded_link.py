"""A link that fails is left alone for a while, and each change is logged once."""

import logging
import random
from collections.abc import Callable
from typing import Any
from typing import Literal

import pytest

from switchyard.state.shared.board import Numbered
from switchyard.state.shared.guarded_link import GuardedLink
from switchyard.state.shared.guarded_link import RemoteSettings
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb


class Flaky:
    away = False

    @property
    def way(self) -> Literal["redis"]:
        return "redis"

    async def call(self, verb: Verb, payload: object, timeout: float) -> Any:
        if self.away:
            raise LinkDown("no answer")
        return payload

    async def listen(self, ready: Callable[[], None], hear: Callable[[Numbered], None]) -> None:
        raise LinkDown("no answer")

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    ("on_failure", "words"), [("local", "go on with local shares"), ("closed", "are refused")]
)
async def test_it_opens_and_closes_with_a_line_each(
    on_failure: Literal["local", "closed"], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    flaky, opened = Flaky(), []
    settings = RemoteSettings(on_failure=on_failure)
    guarded = GuardedLink(flaky, settings, random.Random(0), lambda: opened.append(1))
    assert await guarded.call("turn", ["p"]) == ["p"]
    flaky.away = True
    for _ in range(5):
        with pytest.raises(LinkDown):
            await guarded.call("turn", ["p"])
    assert guarded.is_down and guarded.problem == "no answer" and guarded.until_probe > 0
    guarded.fail_probe()
    assert opened == [1]
    flaky.away = False
    with caplog.at_level(logging.WARNING):
        guarded.succeed()
        guarded.succeed()
    assert not guarded.is_down and guarded.problem == "" and guarded.until_probe == 0
    lines = [record.message for record in caplog.records]
    assert len(lines) == 2 and words in lines[0] and "is back" in lines[1]
