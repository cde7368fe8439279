"""docs/configuration.md tells every key and its default."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from switchyard.config.fields import FormatName
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


def test_every_format_is_spoken() -> None:
    assert set(get_args(FormatName)) == PROVIDER_FORMATS.keys()
