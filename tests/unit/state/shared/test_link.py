"""An answer is waited for as long as allowed, and not longer."""

import asyncio
from typing import Any

import pytest

from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import in_time


def future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def test_an_answer_that_is_there() -> None:
    answer = future()
    answer.set_result(7)
    assert await in_time(answer, 0.0) == 7


async def test_an_answer_that_a_late_loop_has_not_read_yet() -> None:
    answer = future()
    loop = asyncio.get_running_loop()
    # The time is over in the same turn of the loop in which the answer is read.
    loop.call_soon(lambda: loop.call_soon(lambda: answer.set_result(7)))
    assert await in_time(answer, 0.0) == 7


async def test_no_answer() -> None:
    with pytest.raises(LinkDown, match="no answer within 1 ms"):
        await in_time(future(), 0.001)


async def test_the_answers_own_failure() -> None:
    answer = future()
    answer.set_exception(LinkDown("closed"))
    with pytest.raises(LinkDown, match="closed"):
        await in_time(answer, 1.0)
