"""What holds for each source: nothing is lost, no secret is shown, the result loads."""

import copy
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.config.load import parse_config
from switchyard.importers.importing import Imported
from switchyard.importers.pruning import NothingImported
from switchyard.importers.reading import read_text
from switchyard.importers.sources import SOURCES
from tests.unit.importers.examples import SECRETS
from tests.unit.importers.examples import TEXTS
from tests.unit.importers.running import FILE
from tests.unit.importers.running import body
from tests.unit.importers.running import imported
from tests.unit.importers.running import source_of

DATA = {source: read_text(text) for source, text in TEXTS.items()}

FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

type Container = dict[str, object] | list[object]


def test_each_source_has_an_example() -> None:
    assert sorted({*map(source_of, TEXTS)}) == sorted(SOURCES)


def loads(made: Imported) -> None:
    env = {**made.variables, **dict.fromkeys(made.missing, "some-long-value")}
    assert parse_config(made.text.encode(), FILE, env).providers


@pytest.mark.parametrize("source", sorted(TEXTS))
def test_the_new_file_loads_and_shows_no_secret(source: str) -> None:
    made = imported(source, DATA[source])  # type: ignore[arg-type]
    loads(made)
    shown = made.text + "".join(map(str, [*made.report.left_out, *made.report.notes]))
    assert not [word for word in SECRETS if word in shown]
    assert made.variables
    assert made.main_models


@pytest.mark.parametrize("source", sorted(TEXTS))
def test_secrets_inline(source: str) -> None:
    made = imported(source, DATA[source], inline=True)  # type: ignore[arg-type]
    assert made.variables == {}
    loads(made)


def objects(value: object, path: str = "") -> Iterator[tuple[str, Container]]:
    """Every mapping in a value, with its path."""
    if isinstance(value, dict):
        yield path, value
        for name, inner in value.items():
            yield from objects(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from objects(inner, f"{path}[{index}]")


def is_told(path: str, made: Imported) -> bool:
    """Whether a member is reported by its name, or a thing that it is part of by its path."""
    name = path.rpartition(".")[2]
    for line in made.report.left_out:
        whole = line.path.removesuffix(" of the new file")
        if name in str(line) or path.replace("-raw[", "[").startswith((f"{whole}.", f"{whole}[")):
            return True
    return False


@pytest.mark.parametrize("source", sorted(TEXTS))
def test_no_unknown_member_is_lost(source: str) -> None:
    """A member is added to each object: it is reported, or it is in the new file."""
    data = copy.deepcopy(DATA[source])
    added: dict[str, str] = {}
    for number, (path, target) in enumerate(list(objects(data))):
        assert isinstance(target, dict)
        name = f"xunknown{number}x"
        target[name] = f"sentinel-{number}-"
        added[f"{path}.{name}" if path else name] = f"sentinel-{number}-"
    assert len(added) > 3
    made = imported(source, data)  # type: ignore[arg-type]
    written = body(made)
    assert [
        path for path, value in added.items() if not (is_told(path, made) or value in written)
    ] == []


WORD = st.text(max_size=4)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False),
    WORD,
    st.lists(WORD, max_size=2),
    st.dictionaries(WORD, WORD, max_size=2),
)


def members(value: object) -> Iterator[tuple[Container, object]]:
    """Every member of a mapping and item of a list, with what holds it."""
    items = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    for key, inner in list(items):
        yield value, key  # type: ignore[misc]
        if isinstance(inner, dict | list):
            yield from members(inner)


@pytest.mark.parametrize("source", sorted(TEXTS))
@FEW
@given(picks=st.data())
def test_values_of_any_kind_are_survived(source: str, picks: st.DataObject) -> None:
    data = copy.deepcopy(DATA[source])
    for _round in range(picks.draw(st.integers(1, 4))):
        found = list(members(data))
        holder, key = found[picks.draw(st.integers(0, len(found) - 1))]
        holder[key] = picks.draw(JUNK)  # type: ignore[index,call-overload]
    try:
        made = imported(source, data)  # type: ignore[arg-type]
    except NothingImported:
        return
    loads(made)


def test_providers_without_their_variable_are_optional() -> None:
    made = imported("litellm", TEXTS["litellm"])
    assert made.missing == ("EU_KEY",)
    assert parse_config(made.text.encode(), FILE, made.variables).not_live
    there = imported("litellm", TEXTS["litellm"], {"EU_KEY": "some-value"})
    assert there.missing == ()
    assert "optional" not in there.text
