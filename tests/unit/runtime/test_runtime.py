import pytest

from switchyard.config.shipped import shipped_failures
from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict
from switchyard.policy.route import TargetKey
from switchyard.policy.trail import Try
from tests.support.client_keys import in_clear
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

CONFIG = """
    providers:
      - {name: a, base-url: "https://A.example:8443/v1", api-key: "key-a-${N}", models: [m],
         errors: [{status: 400, match: "odd word", class: quota}]}
      - {name: b, base-url: "http://b.example/v1", models: [n]}
      - {name: c, format: [openai-chat, anthropic], base-url: "https://c.example",
         base-urls: {anthropic: "https://claude.c.example/x"}, models: [o]}
      - {name: demo, builtin: demo, models: [echo]}
    clients: {api-keys: [ck-1, ck-2]}
    intercept: {api.anthropic.com: [a/m], "plain.example:80": [b/n]}
    retry: {request-retry: 0, max-retry-interval: 7s, deadline: 11s}
    cooldown: {base: 2s, cap: 9s, jitter: 0}
"""


def again(runtime: FakeRuntime, config: str = CONFIG, **env: str) -> None:
    """Puts another configuration in force."""
    runtime.apply(make_runtime(config, **env).snapshot.config)


@pytest.mark.parametrize(
    ("host", "port", "served"),
    [
        ("a.example", 8443, True),
        ("A.EXAMPLE", 8443, True),
        ("a.example", 443, False),
        ("b.example", 80, True),
        ("b.example", 443, False),
        ("c.example", 443, True),
        ("claude.c.example", 443, True),
        ("api.anthropic.com", 443, True),
        ("plain.example", 80, True),
        ("plain.example", 443, False),
        ("evil-a.example", 8443, False),
        ("", 443, False),
    ],
)
def test_which_hosts_are_served(host: str, port: int, served: bool) -> None:
    assert make_runtime(CONFIG, N="1").snapshot.served.serves(host, port) is served


def test_where_a_provider_speaks_a_format() -> None:
    runtime = make_runtime(CONFIG, "http://127.0.0.1:4000/v1", N="1")
    a, _, c, demo = runtime.snapshot.config.providers
    assert runtime.snapshot.base_url(a, "openai-chat") == "https://A.example:8443/v1"
    assert runtime.snapshot.base_url(c, "openai-chat") == "https://c.example"
    assert runtime.snapshot.base_url(c, "anthropic") == "https://claude.c.example/x"
    assert runtime.snapshot.base_url(demo, "openai-chat") == "http://127.0.0.1:4000/v1"


def test_tables_are_those_of_the_configuration() -> None:
    runtime = make_runtime(CONFIG, N="1")
    assert in_clear(runtime.snapshot.client_keys) == ["ck-1", "ck-2"]
    assert runtime.state.health.settings == CooldownSettings(base=2.0, cap=9.0, jitter=0.0)
    a, b, *_ = runtime.snapshot.config.providers
    seen = Seen(kind="status", status=400, message="an odd word indeed", provider="a")
    assert runtime.snapshot.failure_table(a).classify(seen).cls == "quota"
    assert runtime.snapshot.failure_table(b).classify(seen).cls != "quota", (
        "another provider's rule"
    )
    stranger = b.model_copy(update={"name": "stranger"})
    assert runtime.snapshot.failure_table(stranger) is shipped_failures()
    again(runtime, 'providers: [{name: z, base-url: "https://z.example"}]')
    assert not runtime.snapshot.client_keys
    assert not runtime.snapshot.served.serves("b.example", 80)


def test_a_trail_keeps_to_the_limits() -> None:
    runtime = make_runtime(CONFIG, N="1")
    snapshot = runtime.snapshot
    plan = snapshot.catalog.resolve("m")
    route = snapshot.routes.of(plan, None)
    trail = runtime.state.begin_trail(route, snapshot.retry_limits(plan), "")
    assert isinstance(trail.next(trail._started), Try)
    limits = trail._limits
    assert (limits.request_retry, limits.max_retry_interval, limits.deadline) == (0, 7.0, 11.0)
    assert limits.wait_for_recovery == 0.0


def shut(runtime: FakeRuntime, provider: str, model: str) -> TargetKey:
    key = TargetKey(provider, model, f"{provider}#0")
    lease = runtime.state.health.begin(key, 0.0)
    verdict = Verdict(cls="credential", scope="key", announced=True, rule="test")
    runtime.state.health.report_failure(lease, verdict, 0.0, 600.0, "refused", 401)
    runtime.state.health.end(lease, 0.0)
    assert runtime.state.health.state(key, 1.0).state == "cooling"
    return key


def test_what_was_learned_outlives_a_reload_unless_the_provider_changed() -> None:
    runtime = make_runtime(CONFIG, N="1")
    a, c = shut(runtime, "a", "m"), shut(runtime, "c", "o")
    again(runtime, N="1")
    assert runtime.state.health.state(a, 1.0).state == "cooling"
    again(runtime, N="2")
    assert runtime.state.health.state(a, 1.0).state != "cooling", "its key may have been replaced"
    assert runtime.state.health.state(c, 1.0).state == "cooling", "nothing changed there"


@pytest.mark.parametrize(
    "other",
    [
        'providers: [{name: z, base-url: "https://z.example"}]',
        'providers: [{name: a, base-url: "https://moved.example", api-key: new-key-1}]',
    ],
)
def test_a_running_exchange_ends_with_what_it_began_with(other: str) -> None:
    runtime = make_runtime(CONFIG, N="1")
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "m")
    pipeline.begin(flow)
    again(runtime, other)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    assert attempt.request.host.lower() == "a.example"
    assert attempt.request.headers.get("authorization") == "Bearer key-a-1", (
        "a new key is not for the old address"
    )


def test_what_is_addressed_to_us() -> None:
    runtime = make_runtime(CONFIG, N="1")
    assert runtime.listeners.is_own(client_flow(runtime, "/"))
    assert runtime.listeners.is_own(client_flow(runtime, "/", to=("localhost", 8787)))
    assert not runtime.listeners.is_own(client_flow(runtime, "/", to=("a.example", 8443)))
