"""One router for most tests: upstreams of each format, and a provider for each way to use one."""

import itertools
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Dialect
from tests.support.router import Router
from tests.support.steps import Reaction
from tests.support.tls import server_context
from tests.support.upstream import Plan
from tests.support.upstream import Upstream

KEY = "sk-upstream-0c3e7d"
"""The key of every provider that has a single one."""

CLIENT_KEY = "sk-client-55aa10"
"""What clients come with; it must not go to a provider, unless that says `forward`."""

POLICIES = ("default-off", "force-on", "force-off")
SHORT = {"openai-chat": "chat", "anthropic": "anth"}

_ONE_KEY = {"api-key-entries": [KEY]}

_numbers = itertools.count(1)


def fresh_model() -> str:
    """A model name of the test's own, so that tests share upstreams without meeting."""
    return f"model-{next(_numbers)}"


@dataclass(slots=True)
class Stage:
    """What tests find: upstreams by what they speak, and the router before them."""

    plain: Upstream
    """Both formats, without TLS."""
    tls: Upstream
    """HTTP/1.1 over TLS."""
    http2: Upstream
    """HTTP/2 over TLS."""
    router: Router

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        return self.plain, self.tls, self.http2

    def on(self, dialect: Dialect, *reactions: Reaction, **options: Any) -> tuple[str, Plan]:
        """A fresh model of the plain upstream that reacts so: its full name, and the plan."""
        model = fresh_model()
        plan = self.plain.on(model, *reactions, path=dialect.path, **options)
        return f"{SHORT[dialect.name]}/{model}", plan


def configuration(plain: Upstream, tls: Upstream, http2: Upstream) -> dict[str, Any]:
    """Providers are called by their format, and what is special about them."""
    providers: list[dict[str, Any]] = []

    def add(
        name: str,
        dialect: Dialect,
        upstream: Upstream = plain,
        more: Mapping[str, object] = _ONE_KEY,
    ) -> None:
        # As each format's official SDK takes it.
        url = f"{upstream.url}/v1" if dialect is CHAT else upstream.url
        providers.append({"name": name, "format": dialect.name, "base-url": url, **more})

    for dialect in (CHAT, ANTHROPIC):
        short = SHORT[dialect.name]
        add(short, dialect)
        add(f"{short}-tls", dialect, tls)
        add(f"{short}-h2", dialect, http2)
        add(f"{short}-forward", dialect, more={"credentials": "forward"})
        add(f"{short}-keys", dialect, more={"api-key-entries": ["sk-k1", "sk-k2", "sk-k3"]})
        short_breath = {"timeouts": {"between-chunks": "500ms"}}
        add(f"{short}-impatient", dialect, more={**_ONE_KEY, **short_breath})
        for policy in POLICIES:
            add(f"{short}-{policy}", dialect, more={**_ONE_KEY, "stream": policy})
    formats = {"format": [CHAT.name, ANTHROPIC.name], "base-url": plain.url}
    add("both", CHAT, more={**_ONE_KEY, **formats})
    return {
        "providers": providers,
        "retry": {"request-retry": 0},
        "cooldown": {"base": "50ms", "cap": "100ms"},
    }


def open_stage(start: Callable[..., Router]) -> Stage:
    """Starts the upstreams and, by `start(config)`, their router."""
    plain = Upstream().start()
    tls = Upstream(tls=server_context("http/1.1")).start()
    http2 = Upstream(tls=server_context("h2")).start()
    return Stage(plain, tls, http2, start(configuration(plain, tls, http2)))


def close_stage(stage: Stage) -> None:
    stage.router.stop()
    for upstream in stage.upstreams:
        upstream.stop()


def question(model: str, **more: Any) -> dict[str, Any]:
    """A short request that Chat Completions and Messages alike take."""
    said = [{"role": "user", "content": "Well?"}]
    return {"model": model, "messages": said, "max_tokens": 9, **more}
