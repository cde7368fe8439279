"""What a request is: decided once, and over again only where it is addressed anew."""

from collections import Counter
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons

from switchyard.exchange import classification
from switchyard.exchange.classification import Classifier
from tests.support.runtime import CONFIG
from tests.support.runtime import FakeRuntime
from tests.support.runtime import call
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

WHERE = [
    (None, "own", "generate"),
    (("localhost", 8787), "own", "generate"),
    (("chat.example", 443), "provider", "generate"),
    (("CHAT.example", 443), "provider", "generate"),
    (("chat.example", 8443), "other", None),
    (("stranger.example", 443), "other", None),
]


def asked(runtime: FakeRuntime, to: tuple[str, int] | None, path: str = "") -> http.HTTPFlow:
    usual, body = call("openai-chat", "m")
    return client_flow(runtime, path or usual, body, to=to)


@pytest.mark.parametrize(("to", "kind", "endpoint"), WHERE)
def test_whose_a_request_is_and_what_it_asks_for(
    to: tuple[str, int] | None, kind: str, endpoint: str | None
) -> None:
    runtime = make_runtime()
    found = runtime.requests.of(asked(runtime, to))
    assert (found.kind, found.endpoint.kind if found.endpoint else None) == (kind, endpoint)
    assert found.is_own is (kind == "own")
    assert found.is_routed is (kind == "provider")


def test_what_is_no_call_at_a_providers_host_is_not_routed() -> None:
    runtime = make_runtime()
    found = runtime.requests.of(asked(runtime, ("chat.example", 443), "/v1/files"))
    assert (found.kind, found.endpoint, found.is_routed) == ("provider", None, False)


@pytest.mark.parametrize("to", [where for where, kind, _ in WHERE if kind != "other"])
@pytest.mark.parametrize("path", ["", "/health", "/v1/models", "/v1/files"])
def test_all_addons_go_by_one_decision(
    monkeypatch: pytest.MonkeyPatch, to: tuple[str, int] | None, path: str
) -> None:
    """Of those that look at requests; `Failover`, which is none of them, needs a proxy."""
    decided = Counter[str]()

    def counted(name: str) -> None:
        real: Any = getattr(classification, name)

        def find(request: http.Request) -> Any:
            decided[name] += 1
            return real(request)

        monkeypatch.setattr(classification, name, find)

    counted("find_endpoint")
    counted("find_foreign_endpoint")
    runtime = make_runtime()
    flow = asked(runtime, to, path)
    names = "Access Gate Masking Rights Forwarding Websockets Intake Management Routing".split()
    addons = [each for each in runtime.addons() if type(each).__name__ in names]
    assert len(addons) == len(names)
    with taddons.context(loadcore=False):
        for hook in ("requestheaders", "request", "responseheaders"):
            for addon in addons:
                if (handler := getattr(addon, hook, None)) is not None:
                    handler(flow)
    assert decided.total() == 1, decided


def test_a_decision_outlives_the_configuration_that_it_was_made_by() -> None:
    serving = True
    classifier = Classifier(lambda flow: False, lambda request: serving)
    flow = asked(make_runtime(), ("chat.example", 443))
    first = classifier.of(flow)
    serving = False
    assert classifier.of(flow) is first
    classifier.forget(flow)
    assert classifier.of(flow).kind == "other"


@pytest.mark.parametrize("changed", ["host", "port", "path", "method", "header"])
def test_a_request_that_is_addressed_anew_is_decided_anew(changed: str) -> None:
    runtime = make_runtime(CONFIG)
    flow = asked(runtime, ("chat.example", 443))
    assert runtime.requests.of(flow).is_routed
    match changed:
        case "host":
            flow.request.host = "stranger.example"
        case "port":
            flow.request.port = 8443
        case "path":
            flow.request.path = "/v1/files"
        case "method":
            flow.request.method = "GET"
        case _:
            # Of a captured connection the address is in figures, and `Host` names it.
            flow.request.data.host = "203.0.113.9"
            flow.request.headers["host"] = "chat.example"
            assert runtime.requests.of(flow).is_routed
            flow.request.headers["host"] = "stranger.example"
    assert not runtime.requests.of(flow).is_routed
