"""Defines what sections of a configuration have in common, and shared sections."""

from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import ConfigDict

from switchyard.config.fields import Rates


def _kebab(field: str) -> str:
    return field.replace("_", "-")


def short(key: str) -> BeforeValidator:
    """A validator that takes plain text for a mapping of only that key."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class Section(BaseModel):
    """What all parts of a configuration have in common."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=_kebab,
        hide_input_in_errors=True,
    )


class Quota(Section):
    """How much may go through within windows of time."""

    requests: Rates = ()
    tokens: Rates = ()
