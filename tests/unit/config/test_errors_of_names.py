"""A name that leads nowhere, in a circle or to two things is told where it stands."""

import pytest

from tests.unit.config.loading import problems

LISTED = """providers:
  - {name: one, base-url: "https://one.example", models: [m1, {name: m2, alias: twin}]}
  - {name: two, base-url: "https://two.example", models: [{name: m3, alias: twin}]}
  - {name: open, base-url: "https://open.example", excluded-models: ["*-vision"]}
"""
"""A good file of four lines; whatever a case appends begins on line 5."""


IN_LISTED = [
    (
        "combos: {c: [one/m1, tow/m3]}\n",
        "5: combos.c[1]: unknown provider 'tow' in 'tow/m3'. Hint: did you mean 'two'.",
    ),
    (
        "combos:\n  c:\n    members:\n      - one/m1\n      - one/m9\n",
        "9: combos.c.members[1]: the provider 'one' lists no model 'm9'. Hint: one of m1, "
        "twin, m2.",
    ),
    (
        "combos: {c: [open/x-vision]}\n",
        "5: combos.c[0]: 'open/x-vision' is excluded by the provider 'open'. Hint: see its "
        "excluded-models.",
    ),
    (
        "combos: {c: [twins]}\n",
        "5: combos.c[0]: 'twins' is not a model, alias or combo. Hint: did you mean 'twin'.",
    ),
    (
        "combos: {c: [zzzzzz]}\n",
        "5: combos.c[0]: 'zzzzzz' is not a model, alias or combo. Hint: write provider/model, "
        "or the name of an alias or combo.",
    ),
    (
        "aliases: {fast: tow/m1}\n",
        "5: aliases.fast: unknown provider 'tow' in 'tow/m1'. Hint: did you mean 'two'.",
    ),
    (
        "aliases: {fast: [m1, tow/m1]}\n",
        "5: aliases.fast[1]: unknown provider 'tow' in 'tow/m1'. Hint: did you mean 'two'.",
    ),
    (
        "intercept: {api.x.example: [passthrough, tow/m1]}\n",
        "5: intercept.api.x.example[1]: unknown provider 'tow' in 'tow/m1'. Hint: did you mean "
        "'two'.",
    ),
    (
        'intercept: {api.x.example: {models: {"*haiku*": [passthrough, tow/m1]}}}\n',
        "5: intercept.api.x.example.models.*haiku*[1]: unknown provider 'tow' in 'tow/m1'. Hint: "
        "did you mean 'two'.",
    ),
    (
        "intercept: {api.x.example: {members: [passthrough], modles: {}}}\n",
        "5: intercept.api.x.example.modles: unknown key. Hint: did you mean 'models'.",
    ),
    (
        "intercept: {api.x.example: {models: {gpt: {members: [passthrough], hedge: 3}}}}\n",
        "5: intercept.api.x.example.models.gpt.hedge: unknown key. Hint: did you mean "
        "'hedge-after'.",
    ),
    (
        "combos: {a: [b]}\naliases: {b: [m1, c], c: a(high)}\n",
        "6: aliases.c: goes round in a circle: a -> b -> c -> a. Hint: take this member out, or "
        "write provider/model.",
    ),
    (
        "combos: {m1: [m1]}\n",
        "5: combos.m1[0]: goes round in a circle: m1 -> m1. Hint: take this member out, or write "
        "provider/model.",
    ),
    (
        "combos: {x: [m1]}\naliases: {x: m1}\n",
        "6: aliases.x: 'x' is the name of two things: a combo (combos.x) and an alias. Hint: "
        "rename one of them.",
    ),
    (
        "combos: {one: [m1]}\n",
        "5: combos.one: 'one' is the name of two things: a provider (providers[0].name) and a "
        "combo. Hint: rename one of them.",
    ),
    (
        "aliases: {twin: m1}\n",
        "2: providers[0].models[1].alias: 'twin' is the name of two things: an alias "
        "(aliases.twin) and the alias of a model. Hint: rename one of them.",
    ),
    (
        "aliases: {x: m1, x: m3}\n",
        "5: aliases.x: is given twice (first on line 5). Hint: keep one of the two.",
    ),
    (
        "combos: {passthrough: [m1]}\n",
        "5: combos.passthrough: passthrough is reserved. Hint: choose another name.",
    ),
    (
        "combos: {c: [5]}\n",
        "5: combos.c.members[0]: must be text. Hint: put quotes around it.",
    ),
]


@pytest.mark.parametrize(("appended", "expected"), IN_LISTED, ids=[case[0] for case in IN_LISTED])
def test_problems_with_names(appended: str, expected: str) -> None:
    found = problems(LISTED + appended)
    assert f"test.yaml:{expected}" in found
    assert len(found) == (2 if "twin: m1" in appended else 1)
