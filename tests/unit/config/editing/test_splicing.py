"""Values of a YAML text change, and all else keeps its bytes."""

import copy
import random
import re
from typing import Any

import pytest

from switchyard.config.editing.matching import same
from switchyard.config.editing.pieces import NotEditable
from switchyard.config.editing.pieces import read_plain
from switchyard.config.editing.splicing import spliced
from tests.support.router import ROOT

TEXT = """\
# head
providers:  # all of them
  # the first
  - name: a   # eol a
    base-url: https://a/v1
    api-key: ${A}  # key of a
    models: [x, {name: y, alias: z}]
  # the second
  - name: b
    api-key-entries:
      - k1   # one
      # two
      - k2
# before combos
combos:
  s: [a/x, b/y]   # short
  # t is careful
  t:
    members:
      - a/x
      - b/y
    strategy: fill-first

timeouts: &t {connect: 5s, total: 30m}
empty:
retry:
  request-retry: 1
other: *t
# tail
"""


def changed(text: str, change) -> list[str]:
    """The lines that differ, `-` and `+` before them."""
    wanted = copy.deepcopy(read_plain(text))
    change(wanted)
    after = spliced(text, wanted)
    assert same(read_plain(after), wanted)
    before = text.splitlines()
    kept = after.splitlines()
    gone = [f"-{line}" for line in before if line not in kept]
    return [*gone, *(f"+{line}" for line in kept if line not in before)]


def test_nothing_changes_nothing() -> None:
    assert spliced(TEXT, read_plain(TEXT)) == TEXT


def test_a_scalar_keeps_its_comment() -> None:
    lines = changed(TEXT, lambda d: d["providers"][0].update({"api-key": "sk: new"}))
    assert lines == ["-    api-key: ${A}  # key of a", "+    api-key: 'sk: new'  # key of a"]


def test_a_value_within_brackets() -> None:
    lines = changed(TEXT, lambda d: d["providers"][0]["models"][1].update(alias="q"))
    assert lines[1] == "+    models: [x, {name: y, alias: q}]"


def test_what_is_removed_leaves_comments_about_others() -> None:
    lines = changed(TEXT, lambda d: d["providers"].pop(0))
    assert not [line for line in lines if "#" in line and "eol" not in line and "key" not in line]
    after = spliced(TEXT, {**read_plain(TEXT), "providers": read_plain(TEXT)["providers"][1:]})
    assert "# the second\n  - name: b" in after


def test_what_is_added_comes_before_the_comments_of_the_next() -> None:
    lines = changed(TEXT, lambda d: d["providers"].append({"name": "c", "models": ["m"]}))
    assert lines == ["+  - name: c", "+    models: [m]"]
    wanted = copy.deepcopy(read_plain(TEXT))
    wanted["providers"].append({"name": "c"})
    assert "  - name: c\n# before combos\ncombos:" in spliced(TEXT, wanted)


def test_a_reordered_list_takes_its_comments_along() -> None:
    wanted = copy.deepcopy(read_plain(TEXT))
    wanted["providers"].reverse()
    after = spliced(TEXT, wanted)
    assert after.index("# the second\n  - name: b") < after.index("# the first\n  - name: a")
    assert "- k1   # one\n      # two\n      - k2" in after


def test_an_alias_that_differs_becomes_a_value() -> None:
    wanted = copy.deepcopy(read_plain(TEXT))
    wanted["other"] = {"connect": "9s", "total": "30m"}
    after = spliced(TEXT, wanted)
    assert "timeouts: &t {connect: 5s, total: 30m}" in after
    assert "*t" not in after


def test_an_anchor_that_changes_alone_keeps_its_alias_equal() -> None:
    wanted = copy.deepcopy(read_plain(TEXT))
    wanted["timeouts"]["connect"] = wanted["other"]["connect"] = "9s"
    after = spliced(TEXT, wanted)
    assert "&t {connect: 9s" in after and "other: *t" in after


def test_an_empty_value_gets_one() -> None:
    assert changed(TEXT, lambda d: d.update(empty={"z": 1})) == ["+  z: 1"]


def test_what_comes_with_a_merge_cannot_be_removed() -> None:
    text = "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n"
    with pytest.raises(NotEditable):
        spliced(text, {"a": {"x": 1}, "b": {"y": 2}})


def test_an_empty_file() -> None:
    assert read_plain(spliced("# only this\n", {"a": [1]})) == {"a": [1]}


VALUES: list[Any] = [
    *(1, True, None, "x: y", "5s", "# no", "", 0.5, "*a", "&b", "yes", "12", "'", "é\nline"),
    *({"a": 1, "b": ["c"]}, ["p", "q"], {"n": {"m": [{"z": 1}]}}),
]


def edit(data: Any, chance: random.Random) -> None:
    """Makes one random change somewhere that removes nothing with a comment in it."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in list(inner):
            places.append((value, key))
            if isinstance(one, dict | list):
                walk(one)

    walk(data)
    holder, key = chance.choice(places)
    held, value = holder[key], copy.deepcopy(chance.choice(VALUES))
    if isinstance(held, dict) and held:
        held[f"k{chance.randrange(999)}"] = value
    elif isinstance(held, list) and held:
        if chance.random() < 0.5:
            chance.shuffle(held)
        else:
            held.insert(chance.randrange(len(held) + 1), value)
    else:
        holder[key] = value


@pytest.mark.parametrize(
    ("text", "seed"),
    [(TEXT, 1), (TEXT, 2), ((ROOT / "config/examples/team.yaml").read_text(), 3)],
    ids=["anchors-1", "anchors-2", "team"],
)
def test_comments_and_anchors_survive_a_hundred_edits(text: str, seed: int) -> None:
    comments = sorted(re.findall(r"(?:^|\s)(#.*)$", text, re.MULTILINE))
    anchors = re.findall(r"&\w+ ", text)
    chance = random.Random(seed)
    for _ in range(100):
        wanted = copy.deepcopy(read_plain(text))
        edit(wanted, chance)
        text = spliced(text, wanted)
        assert same(read_plain(text), wanted)
    found = re.findall(r"(?:^|\s)(#.*)$", text, re.MULTILINE)
    assert not [one for one in comments if one not in found]
    assert all(one in text for one in anchors)
