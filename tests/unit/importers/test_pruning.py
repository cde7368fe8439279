"""What the loader refuses is removed from a new file, with a line."""

import pytest

from switchyard.importers.members import ImportReport
from switchyard.importers.pruning import NothingImported
from switchyard.importers.pruning import pruned
from tests.unit.importers.running import FILE


def run(data: dict[str, object]) -> list[str]:
    report = ImportReport()
    pruned(data, FILE, {}, report)
    return [line.path.removesuffix(" of the new file") for line in report.left_out]


def provider(**more: object) -> dict[str, object]:
    return {"name": "one", "base-url": "https://one.example", **more}


def test_what_is_right_stays() -> None:
    data: dict[str, object] = {"providers": [provider()]}
    assert run(data) == []
    assert data == {"providers": [provider()]}


def test_single_values_go_before_what_is_around_them() -> None:
    data: dict[str, object] = {
        "providers": [provider(headers={"Host": "x", "X.Y": "kept"}), {"name": "two"}],
        "combos": {"a.b": {"members": ["one/x", "gone/y"]}, "c": {"members": ["gone/z"]}},
        "cooldown": {"base": "soon"},
    }
    removed = run(data)
    assert data == {
        "providers": [provider(headers={"X.Y": "kept"})],
        "combos": {"a.b": {"members": ["one/x"]}},
    }
    assert {"providers[0].headers.Host", "combos.a.b.members[1]", "combos.c.members[0]"} <= {
        *removed
    }
    assert "providers[1]" in removed
    assert "cooldown.base" in removed


def test_rules_are_not_widened() -> None:
    """A rule without one of its conditions would hold for more requests than before."""
    data: dict[str, object] = {
        "providers": [provider(errors=[{"status": 400, "match-regex": "(", "class": "quota"}])],
        "payload": {
            "filter": [{"models": [{"name": "a", "protocol": "antigravity"}], "params": ["x"]}],
            "default": [{"models": ["b"], "params": {"y": 1}}],
        },
        "clients": {"api-keys": [{"key": "long-enough", "expires": "never"}]},
    }
    removed = run(data)
    assert {*removed} == {
        "payload.filter[0]", "providers[0].errors[0]", "clients.api-keys[0]",
    }  # fmt: skip
    assert data == {
        "providers": [provider()],
        "payload": {"default": [{"models": ["b"], "params": {"y": 1}}]},
    }


def test_nothing_is_left() -> None:
    with pytest.raises(NothingImported):
        run({"providers": [{"name": "one"}]})
    with pytest.raises(NothingImported):
        run({"providers": []})
