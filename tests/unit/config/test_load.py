"""What a good configuration file becomes."""

from pathlib import Path

import pytest

from switchyard.config.fields import HeaderRule
from switchyard.config.load import load_config
from switchyard.config.provider import ProviderTimeouts
from switchyard.config.proxies import Proxy
from switchyard.config.schema import Config
from switchyard.values.units import Rate
from tests.support.client_keys import in_clear
from tests.unit.config.loading import key_of
from tests.unit.config.loading import load

SMALLEST = """
    providers:
      - name: one
        base-url: https://one.example/v1
"""

WHOLE = """
    clients:
      api-keys:
        - "${SWITCHYARD_KEY}"
        - {key: client-two, name: two, models: ["fast", "glm/*"], rate-limit: {requests: 60/m}}
    providers:
      - {name: glm, base-url: "https://glm.example/v1", models: [glm-4.7, glm-4.7-flash]}
      - name: openrouter
        format: [openai-chat, anthropic]
        base-url: https://openrouter.example/api/v1/
        base-urls: {anthropic: "https://openrouter.example/api"}
        prefix: or
        headers: {HTTP-Referer: https://myapp.example, X-Trace: $X-Trace}
        credentials: own
        api-key-entries:
          - api-key: ${OPENROUTER_KEY_1}
          - {api-key: "${OPENROUTER_KEY_2}", proxy-url: "socks5://127.0.0.1:1080", weight: 2,
             priority: 1, max-concurrency: 4, quota: {requests: [50/m, 1k/d], tokens: 1M/d}}
        strategy: sticky
        models: [{name: qwen3.5-plus, alias: smart-model, context-window: 262144}]
        excluded-models: ["*-vision"]
        stream: default-off
        profile: openrouter
        timeouts: {first-output: 10m}
        errors: [{status: 400, match: "no credits", class: quota}]
        proxy-url: direct
        tls: {server-name: Inner.Example, verify: false}
        host-header: api.example:8443
    combos:
      my-coding-stack: [smart-model, glm/glm-4.7]
      careful: {members: [passthrough, glm/glm-4.7], strategy: weighted, hedge-after: 800ms,
                continue-streams: true, wait-for-recovery: 20s}
    aliases: {fast: glm/glm-4.7-flash, either: [glm/glm-4.7, or/qwen3.5-plus]}
    routes:
      - {pattern: "^gpt-", provider: openrouter}
      - {pattern: "x", provider: glm, model: glm-4.7}
    timeouts: {connect: 2s, total: 1h}
    heartbeat: {after: 5s, every: 7s}
    retry: {request-retry: 2, max-retry-credentials: 3, max-retry-interval: 40s, deadline: 9m}
    cooldown: {base: 2s, cap: 6m, jitter: 0.5}
    limits: {request-line: 8KiB, headers: 50, body-time: 2m, tool-call: 1MB}
    payload:
      default: [{models: ["gpt-*"], params: {"reasoning.effort": high}}]
      override: [{models: [{name: "glm-*", protocol: openai-chat}], params: {temperature: 0.5}}]
      filter: [{params: [logit_bias]}]
    intercept: {api.anthropic.com: [passthrough, glm/glm-4.7]}
    exchange-log: {dir: exchanges, max-size: 2GB, max-age: 14d, bodies: false}
"""
ENV = {"SWITCHYARD_KEY": "client-one", "OPENROUTER_KEY_1": "key-1", "OPENROUTER_KEY_2": "key-2"}


@pytest.fixture
def whole() -> Config:
    return load(WHOLE, ENV)


def test_one_provider_is_a_complete_file_and_the_rest_are_the_documented_defaults() -> None:
    config = load(SMALLEST)
    (provider,) = config.providers
    assert provider.formats == ("openai-chat",)
    assert provider.handle == "one"
    assert (provider.credentials, provider.strategy, provider.stream) == (
        "own",
        "round-robin",
        "as-asked",
    )
    assert (provider.models, provider.discover) == (None, False)
    assert config.client_keys == ()
    assert config.timeouts == ProviderTimeouts.model_validate(
        {
            "connect": 5,
            "first-byte": 60,
            "first-output": 300,
            "between-chunks": 120,
            "total": 1800,
        }
    )
    assert (config.heartbeat.after, config.heartbeat.every) == (10, 10)
    assert (config.retry.request_retry, config.retry.max_retry_credentials) == (1, 0)
    assert (config.retry.max_retry_interval, config.retry.deadline) == (30, 600)
    assert (config.cooldown.base, config.cooldown.cap, config.cooldown.jitter) == (1, 300, 0.2)
    assert config.exchange_log is None
    assert config.notices == ()


def test_the_log_of_exchanges_has_its_own_defaults() -> None:
    log = load(SMALLEST + "    exchange-log: {}\n").exchange_log
    assert log
    assert (log.dir, log.max_size, log.max_age, log.bodies) == ("logs", 10**9, 604_800, True)


def test_clients(whole: Config) -> None:
    first, second = whole.clients.api_keys
    assert in_clear([first]) == ["client-one"]
    assert first.models.matches("anything/at-all")
    assert (second.name, second.rate_limit.requests) == ("two", (Rate(60, 60),))
    assert second.models.matches("glm/glm-4.7") and not second.models.matches("glm")


def test_provider(whole: Config) -> None:
    provider = whole.providers[1]
    assert provider.handle == "or"
    assert provider.formats == ("openai-chat", "anthropic")
    assert provider.url_for("openai-chat") == "https://openrouter.example/api/v1"
    assert provider.url_for("anthropic") == "https://openrouter.example/api"
    assert [rule.name for rule in provider.headers] == ["HTTP-Referer", "X-Trace"]
    assert isinstance(provider.headers[1], HeaderRule)
    assert provider.headers[0].value.get_secret_value() == "https://myapp.example"
    assert provider.headers[1].copy_of == "X-Trace"
    assert provider.models and provider.models[0].alias == ("smart-model",)
    assert provider.models[0].context_window == 262_144
    assert provider.excluded_models.matches("qwen-VISION")
    assert provider.errors == ({"status": 400, "match": "no credits", "class": "quota"},)
    assert provider.proxy_url == Proxy("direct")
    assert provider.tls.server_name == "inner.example"
    assert provider.tls.verify is False
    assert provider.host_header == "api.example:8443"
    assert provider.profile and provider.profile.reasoning_field == "reasoning"


def test_keys_of_a_provider(whole: Config) -> None:
    first, second = whole.providers[1].api_key_entries
    assert key_of(first) == "key-1"
    assert (first.weight, first.priority, first.max_concurrency) == (1, 0, None)
    assert (second.weight, second.priority, second.max_concurrency) == (2, 1, 4)
    assert second.quota.requests == (Rate(50, 60), Rate(1000, 86_400))
    assert second.quota.tokens == (Rate(1_000_000, 86_400),)
    assert second.proxy_url == Proxy("socks5", "127.0.0.1", 1080)


def test_combos_aliases_and_routes(whole: Config) -> None:
    assert whole.combos["my-coding-stack"].members == ("smart-model", "glm/glm-4.7")
    assert whole.combos["my-coding-stack"].strategy == "fill-first"
    careful = whole.combos["careful"]
    assert (careful.strategy, careful.hedge_after) == ("weighted", 0.8)
    assert (careful.continue_streams, careful.wait_for_recovery) == (True, 20)
    assert whole.aliases == {
        "fast": ("glm/glm-4.7-flash",),
        "either": ("glm/glm-4.7", "or/qwen3.5-plus"),
    }
    assert whole.routes[0].pattern.search("gpt-5") and whole.routes[1].model == "glm-4.7"


def test_timeouts_of_a_provider_are_complete(whole: Config) -> None:
    glm, openrouter = whole.providers
    assert glm.timeouts == whole.timeouts
    assert (glm.timeouts.connect, glm.timeouts.total) == (2, 3600)
    assert (openrouter.timeouts.connect, openrouter.timeouts.first_output) == (2, 600)
    assert openrouter.timeouts.between_chunks == 120


def test_the_remaining_sections(whole: Config) -> None:
    assert (whole.heartbeat.after, whole.heartbeat.every) == (5, 7)
    assert (whole.retry.request_retry, whole.retry.max_retry_credentials) == (2, 3)
    assert (whole.retry.max_retry_interval, whole.retry.deadline) == (40, 540)
    assert (whole.cooldown.base, whole.cooldown.cap, whole.cooldown.jitter) == (2, 360, 0.5)
    limits = whole.limits
    assert (limits.request_line, limits.headers, limits.body_time) == (8192, 50, 120)
    assert (limits.tool_call, limits.head) == (10**6, 65536)
    assert whole.payload.default[0].models[0].name == "gpt-*"
    assert whole.payload.override[0].models[0].protocol == "openai-chat"
    assert whole.payload.override[0].params == {"temperature": 0.5}
    assert whole.payload.filter[0].params == ("logit_bias",)
    assert whole.intercept["api.anthropic.com"].members == ("passthrough", "glm/glm-4.7")
    log = whole.exchange_log
    assert log
    assert (log.dir, log.max_size, log.max_age) == ("exchanges", 2 * 10**9, 1_209_600)
    assert log.bodies is False


def test_a_configuration_cannot_be_changed(whole: Config) -> None:
    with pytest.raises(ValueError, match="frozen"):
        whole.providers[0].name = "other"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "written",
    [
        "api-key: k1",
        "api-key-entries: [k1]",
        "api-key-entries: [{api-key: k1}]",
        'api-key: "  k1\\n"',
        "api-key-entries: [k1, '']",
        'api-key-entries: [k1, "${UNSET:-}"]',
    ],
)
def test_ways_to_write_a_key(written: str) -> None:
    config = load(SMALLEST + f"        {written}\n")
    entries = config.providers[0].api_key_entries
    assert [key_of(entry) for entry in entries] == ["k1"]
    assert config.providers[0].api_key is None


@pytest.mark.parametrize("written", ["models: discover", "models: []", "models: [a]"])
def test_ways_to_say_which_models(written: str) -> None:
    provider = load(SMALLEST + f"        {written}\n").providers[0]
    assert provider.discover == (written == "models: discover")
    names = None if provider.models is None else [model.name for model in provider.models]
    assert names == {"models: []": [], "models: [a]": ["a"]}.get(written)


def test_client_keys_that_are_empty_are_none() -> None:
    text = SMALLEST + '    clients: {api-keys: ["${SWITCHYARD_KEY:-}"]}\n'
    assert load(text).client_keys == ()
    assert len(load(text, {"SWITCHYARD_KEY": "k"}).client_keys) == 1


def test_sections_that_are_commented_out_are_no_sections() -> None:
    text = SMALLEST + "    combos:\n    aliases:\n      # fast: one/x\n    clients:\n    routes:\n"
    assert load(text).combos == {}


def test_how_keys_are_sent() -> None:
    config = load(
        """
        providers:
          - {name: a, base-url: "http://a", format: [anthropic, openai-chat, gemini]}
          - {name: b, base-url: "http://b", format: anthropic, profile: {auth: bearer}}
        """
    )
    first, second = config.providers
    assert first.auth_for("anthropic") == "x-api-key"
    assert first.auth_for("openai-chat") == "bearer"
    assert first.auth_for("gemini") == "x-goog-api-key"
    assert second.auth_for("anthropic") == "bearer"


def test_proxies() -> None:
    text = SMALLEST + '        proxy-url: "http://user:p%40ss@proxy.example"\n'
    proxy = load(text).providers[0].proxy_url
    assert proxy and (proxy.scheme, proxy.host, proxy.port) == ("http", "proxy.example", 80)
    assert (proxy.username, proxy.password.get_secret_value()) == ("user", "p@ss")
    assert "p@ss" not in repr(proxy)


def test_notices_are_told_with_their_line() -> None:
    keys = "    clients: {api-keys: [{key: k, role: viewer, models: [a]}]}\n"
    config = load(SMALLEST + "        tls: {verify: false}\n" + keys)
    assert [str(notice).removeprefix("/etc/switchyard/") for notice in config.notices] == [
        "test.yaml:4: providers[0].tls.verify: whoever is on the way can pose as this provider, "
        "and read what it is sent. Hint: trust its certificate by tls.ca instead.",
    ]


def test_a_price_of_a_provider_that_there_is_not_is_a_warning() -> None:
    text = """
        providers: [{name: acme, base-url: "https://a.example/v1"}]
        prices:
          - {provider: acne, input: 1, output: 2}
          - {provider: acme, input: 1, output: 2}
          - {provider: "passthrough:api.anthropic.com", input: 1, output: 2}
          - {input: 1, output: 2}
    """
    (notice,) = load(text).notices
    assert str(notice).removeprefix("/etc/switchyard/") == (
        "test.yaml:3: prices[0].provider: unknown provider 'acne': the price is never used. "
        "Hint: did you mean 'acme'."
    )


def test_a_file_is_read_as_utf_8_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfproviders: [{name: a, base-url: 'http://a'}] # \xc3\xa4\n")
    assert load_config(path, {}).providers[0].name == "a"


def test_anchors_and_merge_keys() -> None:
    config = load(
        """
        providers:
          - &first {name: a, base-url: "https://a", timeouts: {total: 9s}, strategy: sticky}
          - {<<: *first, name: b, strategy: fill-first}
        """
    )
    assert [one.strategy for one in config.providers] == ["sticky", "fill-first"]
    assert config.providers[1].timeouts.total == 9


def test_with_client_keys_passthrough_members_are_told_to_be_for_the_proxys_clients() -> None:
    text = """
        providers: [{name: a, base-url: "https://a.example/v1"}]
        clients: {api-keys: ["${ROUTER_KEY:-}"]}
        combos: {c: [a/x, passthrough]}
        intercept: {api.x.example: {models: {"*": passthrough}}}
    """
    assert load(text).notices == ()
    notices = load(text, {"ROUTER_KEY": "key-1"}).notices
    assert [one.key for one in notices] == ["combos.c[1]", "intercept.api.x.example.models.*"]
    assert all("HTTPS_PROXY" in one.hint and one.line for one in notices)
