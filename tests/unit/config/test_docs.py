"""docs/configuration.md tells every key, its default, and what is not yet acted upon."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from switchyard.config.fields import FormatName
from switchyard.config.reserved import RESERVED
from switchyard.config.reserved import reserved_in_use
from switchyard.config.schema import Config
from switchyard.values.units import parse_duration
from switchyard.values.units import parse_size
from switchyard.wire.registry import PROVIDER_FORMATS

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "configuration.md").read_text()
ROWS = re.findall(r"^\| `([a-z-]+)` \|(.*)$", TEXT, re.MULTILINE)


def fields(part: type[BaseModel]) -> Iterator[FieldInfo]:
    for field in part.model_fields.values():
        yield field
        for inner in parts_of(field.annotation):
            yield from fields(inner)


def parts_of(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from parts_of(argument)


KEYS = sorted({str(field.alias) for field in fields(Config)} | {"preset"})


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_told(key: str) -> None:
    assert re.search(rf"[`{{ ]{key}[`,}}: ]", TEXT)


@pytest.mark.parametrize(
    "section", ["timeouts", "heartbeat", "retry", "cooldown", "limits", "exchange-log"]
)
def test_defaults_are_those_of_the_code(section: str) -> None:
    field = next(one for one in Config.model_fields.values() if one.alias == section)
    (part,) = parts_of(field.annotation)
    table = TEXT.split(f"### `{section}`")[1].split("###")[0]
    told = dict(re.findall(r"^\| `([a-z-]+)` \|[^|]*\| `([^`]*)` \|", table, re.MULTILINE))
    assert list(told) == [one.alias for one in part.model_fields.values()]
    for one in part.model_fields.values():
        said, default = told[str(one.alias)], one.default
        if isinstance(default, float) and said[-1].isalpha():
            assert parse_duration(said) == default
        elif said.endswith("B"):
            assert parse_size(said) == default
        else:
            assert said == str(default).lower()


def test_what_is_not_yet_acted_upon_is_told() -> None:
    listed = TEXT.split("## Accepted, not yet acted upon")[1]
    assert dict(re.findall(r"^- `([^`]+)`: (.*)$", listed, re.MULTILINE)) == RESERVED


def test_keys_of_reserved_patterns_exist() -> None:
    for pattern in RESERVED:
        for step in re.split(r"[.\[\]=*]+", pattern.partition("=")[0]):
            assert step in KEYS or not step


def test_formats_that_nothing_speaks_yet_are_reserved() -> None:
    prefix = "providers[].format="
    reserved = {one.removeprefix(prefix) for one in RESERVED if one.startswith(prefix)}
    assert reserved == set(get_args(FormatName)) - PROVIDER_FORMATS.keys()


def test_reserved_keys_are_found_wherever_they_stand() -> None:
    found = reserved_in_use(
        [
            (("clients", "api-keys", 1, "role"), None),
            (("clients", "api-keys", 1, "role", "of"), None),
            (("providers", 4, "models"), None),
            (("combos", "c", 1), "a/b"),
            (("timeouts", "total"), "3s"),
        ]
    )
    assert list(found) == [("clients", "api-keys", 1, "role")]
