"""What holds for any configuration file and its routing tables."""

import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.config.load import parse_config
from switchyard.config.names import split_suffix
from switchyard.config.problems import ConfigError
from switchyard.config.references import directory_of
from switchyard.config.schema import Config
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.plans import ModelTarget
from switchyard.values.globs import Globs

# Few and short, so that names meet each other.
HANDLES = ["a", "b", "or", "my"]
MODELS = ["m", "n", "a/m", "x-vision", "m(low)", "b/n", "o"]
GROUPS = ["combo", "fast", "both", "m", "a/n"]
ALIASES = ["alias", "other"]
STRATEGIES = ["round-robin", "fill-first", "least-busy", "weighted", "sticky"]

GLOBS = st.lists(st.sampled_from(["*-VISION", "m", "A/*", "?", "n*"]), max_size=2)
ANY_MEMBER = st.one_of(
    st.sampled_from([*GROUPS, *MODELS, *ALIASES, "passthrough", "zzz"]),
    st.builds("{}/{}".format, st.sampled_from(HANDLES), st.sampled_from(MODELS)),
    st.builds("{}(high)".format, st.sampled_from([*GROUPS, *MODELS])),
)
ROUTES = st.lists(
    st.fixed_dictionaries(
        {"pattern": st.sampled_from(["^m", "n$", "o"]), "provider": st.sampled_from(HANDLES)},
        optional={"model": st.sampled_from(MODELS)},
    ),
    max_size=2,
)


type Data = dict[str, object]


@st.composite
def providers(draw: st.DrawFn, name: str) -> Data:
    listed = st.fixed_dictionaries(
        {"name": st.sampled_from(MODELS)},
        optional={"alias": st.lists(st.sampled_from(ALIASES), max_size=2)},
    )
    drawn = st.fixed_dictionaries(
        {"name": st.just(name), "base-url": st.just("https://x.example")},
        optional={
            "prefix": st.just(f"p-{name}"),
            "models": st.one_of(st.lists(listed, max_size=4), st.just("discover")),
            "excluded-models": GLOBS,
        },
    )
    keys: list[Data] = [{}, {"api-key": "k"}, {"optional": True, "api-key": "${UNSET}"}]
    # One provider has to be live.
    key = draw(st.sampled_from(keys[:2] if name == "live" else keys))
    return {**draw(drawn), **key}


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """A configuration without any problem: members are kept where they mean something so far."""
    names = draw(st.lists(st.sampled_from(HANDLES), unique=True, max_size=3))
    data: Data = {"providers": [draw(providers(name)) for name in ("live", *names)]}
    data["routes"] = [one for one in draw(ROUTES) if one["provider"] in names]
    used: set[str] = set()
    for section in ("aliases", "combos"):
        groups: Data = {}
        data[section] = groups
        for name in draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=3)):
            known = directory_of(data)
            # A model that is a member so far must not become the name of a group by now.
            if name in known.groups or name in used:
                continue
            drawn = draw(st.lists(ANY_MEMBER, min_size=1, max_size=4))
            members = [one for one in drawn if known.meaning(one)]
            members = [one for one in members if name not in (one, split_suffix(one)[0])]
            if not members:
                continue
            used.update(members, (split_suffix(one)[0] for one in members))
            strategy = draw(st.sampled_from(STRATEGIES))
            long_form = {"members": members, "strategy": strategy}
            groups[name] = members if section == "aliases" else long_form
    return load(data)


def load(data: Data) -> Config:
    return parse_config(json.dumps(data).encode(), Path("any.yaml"), {})


def key(target: ModelTarget, suffix: str | None = None) -> tuple[str, str, str | None]:
    return target.provider.name, target.model, target.suffix or suffix


@given(configs())
def test_every_listed_name_resolves_to_live_targets_that_are_not_excluded(config: Config) -> None:
    catalog = Catalog(config)
    live = {one.name for one in config.providers} | {"passthrough"}
    for entry in catalog.names():
        plan = catalog.resolve(entry.name)
        assert plan.name == entry.name and plan.targets
        for target in plan.targets:
            assert target.provider.name in live
            assert not target.provider.excluded_models.matches(target.model)


@given(configs())
def test_names_are_listed_once_and_none_is_excluded(config: Config) -> None:
    names = [entry.name for entry in Catalog(config).names()]
    assert len(names) == len(set(names))
    # A model's own name may hold a slash, and look like a provider's name and a model's.
    own = {model.name for one in config.providers for model in one.models or ()}
    for name in names:
        handle, slash, model = name.partition("/")
        if slash and name not in {*config.combos, *config.aliases, *own}:
            for one in config.providers:
                assert one.handle != handle or not one.excluded_models.matches(model)


@given(configs())
def test_a_combo_is_its_members_in_order_and_each_target_once(config: Config) -> None:
    catalog = Catalog(config)
    for name, combo in config.combos.items():
        expected: dict[tuple[str, str, str | None], None] = {}
        for member in combo.members:
            try:
                plan = catalog.resolve(member)
            except UnknownModel:
                continue
            expected |= dict.fromkeys(key(target, plan.suffix) for target in plan.targets)
        if expected:
            plan = catalog.resolve(name)
            assert [key(target) for target in plan.targets] == list(expected)
            assert plan.strategy == combo.strategy


@given(configs(), st.sampled_from(["high", "8192", "none"]))
def test_a_suffix_changes_nothing_but_the_suffix(config: Config, suffix: str) -> None:
    catalog = Catalog(config)
    for entry in catalog.names():
        plan, suffixed = catalog.resolve(entry.name), catalog.resolve(f"{entry.name}({suffix})")
        assert suffixed.suffix == suffix and suffixed.base == entry.name
        assert suffixed.members == plan.members and suffixed.rule == plan.rule


@given(configs(), GLOBS.map(Globs))
def test_a_client_key_resolves_exactly_the_names_it_lists(config: Config, allowed: Globs) -> None:
    catalog = Catalog(config)
    listed = {entry.name for entry in catalog.names(allowed)}
    for entry in catalog.names():
        try:
            catalog.resolve(entry.name, allowed)
        except UnknownModel as error:
            assert entry.name not in listed and set(error.near) <= listed
        else:
            assert entry.name in listed


@given(configs(), st.one_of(ANY_MEMBER, st.text(max_size=20)))
def test_any_name_has_a_plan_with_targets_or_is_unknown(config: Config, name: str) -> None:
    catalog = Catalog(config)
    try:
        plan = catalog.resolve(name)
    except UnknownModel as error:
        listed = {entry.name for entry in catalog.names()}
        assert len(error.near) <= 5 and set(error.near) <= listed and name not in listed
    else:
        assert plan.targets and plan.name == name


WILD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), ANY_MEMBER, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                "name base-url models alias members providers combos aliases api-key format "
                "preset errors headers timeouts total clients api-keys key profile".split()
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
SECTIONS = st.dictionaries(
    st.sampled_from([str(field.alias) for field in Config.model_fields.values()]), WILD
)


@settings(max_examples=300)
@given(SECTIONS)
def test_any_data_is_loaded_or_refused_with_problems_that_have_places(data: Data) -> None:
    try:
        config = load(data)
    except ConfigError as error:
        assert error.problems
        for line in str(error).splitlines():
            assert re.match(r"any\.yaml:\d+: \S", line), line
    else:
        Catalog(config)
