"""Calls through the addons, as far as the request of their first attempt."""

import json
from typing import Any

from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime

OPENAI = "providers: [{preset: openai}]\n"


def sent(runtime: FakeRuntime, format: str, model: str, headers: Any = (), **more: Any) -> Any:
    """The first attempt of a call: its request, and the exchange it belongs to."""
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, model, headers=headers, **more)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.answer is None, attempt.answer.content
    return attempt.request, exchange


def body_of(request: Any) -> dict[str, Any]:
    return json.loads(request.content)


def openai(**env: str) -> FakeRuntime:
    return make_runtime(OPENAI, OPENAI_API_KEY="k", **env)
