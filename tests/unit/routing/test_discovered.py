"""Models that providers say they have, beside those that the file names."""

import pytest

from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import UnknownModel
from switchyard.wire.model.model_list import FoundModel
from tests.unit.config.loading import load

CONFIG = load("""
    providers:
      - {name: openrouter, base-url: 'http://a', prefix: or, excluded-models: ["*-vision"]}
      - {name: other, base-url: 'http://b', models: discover}
      - {name: fixed, base-url: 'http://c', models: [listed]}
      - {name: absent, base-url: 'http://d', optional: true, api-key: "${NO_SUCH_KEY}"}
    combos: {stack: [or/anything, listed]}
    aliases: {short: or/long-name}
    routes: [{pattern: "^gpt-", provider: fixed, model: listed}]
""")
FOUND = {
    "openrouter": (
        FoundModel("qwen", 4096),
        FoundModel("qwen-vision"),
        FoundModel("gpt-9"),
        FoundModel("other/odd"),
        FoundModel("stack"),
        FoundModel("listed"),
        FoundModel("m(high)"),
    ),
    "other": (FoundModel("qwen", 1024), FoundModel("deep/name:free")),
    "absent": (FoundModel("lost"),),
}
CATALOG = Catalog(CONFIG, FOUND)


def targets(name: str) -> list[str]:
    return [f"{one.provider.name}/{one.model}" for one in CATALOG.resolve(name).targets]


def test_they_are_listed_with_prefix_and_without() -> None:
    listed = [one.name for one in CATALOG.names()]
    assert listed == [
        *("stack", "short"),
        *("or/qwen", "or/gpt-9", "or/other/odd", "or/stack", "or/listed", "or/m(high)"),
        *("other/qwen", "other/deep/name:free", "fixed/listed"),
        *("listed", "qwen", "gpt-9", "m(high)", "deep/name:free"),
    ]
    windows = {one.name: one.context_window for one in CATALOG.names()}
    assert (windows["or/qwen"], windows["other/qwen"], windows["qwen"]) == (4096, 1024, 1024)


@pytest.mark.parametrize(
    ("name", "leads_to"),
    [
        ("qwen", ["openrouter/qwen", "other/qwen"]),
        ("deep/name:free", ["other/deep/name:free"]),
        ("or/qwen", ["openrouter/qwen"]),
        ("openrouter/qwen", ["openrouter/qwen"]),
        ("or/whatever-else", ["openrouter/whatever-else"]),
        ("other/whatever-else", ["other/whatever-else"]),
        ("m(high)", ["openrouter/m(high)"]),
        ("or/m(high)", ["openrouter/m(high)"]),
        ("qwen(high)", ["openrouter/qwen", "other/qwen"]),
        # What the file says goes before what was found out.
        ("gpt-9", ["fixed/listed"]),
        ("listed", ["fixed/listed"]),
        ("other/odd", ["other/odd"]),
        ("short", ["openrouter/long-name"]),
        ("stack", ["openrouter/anything", "fixed/listed"]),
    ],
)
def test_where_they_lead(name: str, leads_to: list[str]) -> None:
    assert targets(name) == leads_to


@pytest.mark.parametrize("name", ["qwen-vision", "or/qwen-vision", "lost", "never-heard-of"])
def test_what_is_excluded_or_not_live_is_not_there(name: str) -> None:
    with pytest.raises(UnknownModel):
        CATALOG.resolve(name)


def test_without_any_the_catalog_is_as_before() -> None:
    names = [one.name for one in Catalog(CONFIG).names()]
    assert names == ["stack", "short", "fixed/listed", "listed"]
    with pytest.raises(UnknownModel):
        Catalog(CONFIG).resolve("qwen")
