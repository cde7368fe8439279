import pytest
from pydantic import SecretStr

from switchyard.policy.route import Route
from switchyard.routing import routes as module
from switchyard.routing.routes import Routes
from tests.support.runtime import make_runtime

CONFIG = """
    providers:
      - name: a
        base-url: https://a.example/v1
        strategy: weighted
        models: [{name: m, context-window: 1000}]
        api-key-entries:
          - {api-key: key-a-000001, weight: 3, priority: 2, max-concurrency: 4,
             quota: {requests: 50/m, tokens: 1M/d}}
          - key-a-000002
      - {name: none, base-url: https://none.example/v1, models: [n]}
      - {name: any, base-url: https://any.example/v1}
      - {name: fwd, base-url: https://fwd.example/v1, credentials: forward, models: [f]}
      - {name: sticky, base-url: https://s.example/v1, strategy: sticky, models: [s]}
    combos:
      both: [a/m, fwd/f]
      keep: {members: [a/m, none/n], strategy: sticky}
    aliases: {pool: [a/m, none/n]}
"""


def route_of(routes: Routes, model: str, key: str | None = None) -> Route:
    plan = RUNTIME.snapshot.catalog.resolve(model)
    return routes.of(plan, None if key is None else SecretStr(key))


RUNTIME = make_runtime(CONFIG)


def test_a_plan_becomes_a_route_with_every_key() -> None:
    route = route_of(RUNTIME.snapshot.routes, "a/m")
    (target,) = route.members[0].targets
    assert (target.provider, target.model, target.strategy) == ("a", "m", "weighted")
    assert target.context_window == 1000
    first, second = target.credentials
    assert (first.weight, first.priority, first.max_concurrency) == (3, 2, 4)
    assert [(q.unit, q.amount, q.window) for q in first.quota] == [
        ("requests", 50, 60.0),
        ("tokens", 1_000_000, 86400.0),
    ]
    assert (second.weight, second.priority, second.max_concurrency) == (1, 0, None)
    assert second.quota == ()
    for credential, key in ((first, "key-a-000001"), (second, "key-a-000002")):
        found = RUNTIME.snapshot.routes.key(credential.id)
        assert found is not None
        assert found.get_secret_value() == key
    assert "key-a" not in repr(route)


def test_a_provider_without_keys_has_one_credential_without_a_key() -> None:
    (target,) = route_of(RUNTIME.snapshot.routes, "n").members[0].targets
    (credential,) = target.credentials
    assert not credential.forwarded
    assert RUNTIME.snapshot.routes.key(credential.id) is None


def test_a_forwarded_key_is_told_apart_but_not_told() -> None:
    routes = RUNTIME.snapshot.routes
    one, again, two, none = (route_of(routes, "f", key) for key in ("k-1", "k-1", "k-2", None))
    ids = [route.members[0].targets[0].credentials[0].id for route in (one, again, two, none)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert not any("k-1" in id or "k-2" in id for id in ids)
    assert one.members[0].targets[0].credentials[0].forwarded
    odd = route_of(routes, "f", "\udcff").members[0].targets[0].credentials[0].id
    assert odd not in ids


def test_another_router_tells_the_same_key_apart_in_another_way() -> None:
    other = Routes(RUNTIME.snapshot.config, RUNTIME.snapshot.egress)
    ids = {
        route_of(routes, "f", "k-1").members[0].targets[0].credentials[0].id
        for routes in (RUNTIME.snapshot.routes, other)
    }
    assert len(ids) == 2, "an id cannot be looked up in a table made in advance"


def test_every_credential_is_known() -> None:
    assert RUNTIME.snapshot.routes.credentials() == {
        ("a", "a#0"),
        ("a", "a#1"),
        ("none", "none#none"),
        ("any", "any#none"),
        ("fwd", "fwd#client"),
        ("sticky", "sticky#none"),
    }


@pytest.mark.parametrize(
    ("model", "sticky"),
    [("a/m", False), ("both", False), ("keep", True), ("s", True), ("pool", False)],
)
def test_whether_the_session_matters(model: str, sticky: bool) -> None:
    assert route_of(RUNTIME.snapshot.routes, model).sticky is sticky


def test_members_and_strategies_are_the_plans() -> None:
    keep, pool = (
        route_of(RUNTIME.snapshot.routes, "keep"),
        route_of(RUNTIME.snapshot.routes, "pool"),
    )
    assert keep.strategy == "sticky"
    assert [m.targets[0].provider for m in keep.members] == ["a", "none"]
    assert {t.provider for m in pool.members for t in m.targets} == {"a", "none"}


def test_a_route_is_made_once() -> None:
    assert route_of(RUNTIME.snapshot.routes, "a/m") is route_of(RUNTIME.snapshot.routes, "a/m")


def test_names_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ROUTES", 3)
    routes = Routes(RUNTIME.snapshot.config, RUNTIME.snapshot.egress)
    first = route_of(routes, "any/0")
    for number in range(1, 4):
        route_of(routes, f"any/{number}")
    assert route_of(routes, "any/0") is not first, "it was let go, and made anew"
    assert route_of(routes, "any/0").members[0].targets[0].model == "0"


def test_providers_at_one_host_share_what_conceals_their_secrets() -> None:
    """Of thousands at one host, each would put the secrets of all together again."""
    kinds = (("one", "quiet4river"), ("one", "brown7meadow"), ("other", "green1valley"))
    config = "providers:\n" + "\n".join(
        f"  - {{name: p{n}, base-url: 'https://{host}.example/v{n}', api-key: {key}-of-mine}}"
        for n, (host, key) in enumerate(kinds)
    )
    routes = make_runtime(config).snapshot.routes
    first, second, third = (routes.concealer_at(f"p{n}") for n in range(3))
    assert first is second and first is not third
    assert "meadow" not in first.text("it is brown7meadow-of-mine")
    assert "valley" in first.text("it is green1valley-of-mine")
