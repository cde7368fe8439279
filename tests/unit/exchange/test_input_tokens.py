"""The input of a request, where no provider counts it."""

from switchyard.exchange.input_tokens import input_tokens
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime


def test_images_are_not_counted_by_their_bytes() -> None:
    runtime = make_runtime()
    url = "data:image/png;base64," + "A" * 100_000
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    flow = call_flow(runtime, messages=[{"role": "user", "content": parts}])
    call = Pipeline(runtime).begin(flow).call
    assert 1000 < input_tokens(call) < 3000
    text = call_flow(runtime, messages=[{"role": "user", "content": "word " * 20_000}])
    assert 25_000 <= input_tokens(Pipeline(runtime).begin(text).call) < 25_100
