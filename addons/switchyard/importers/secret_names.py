"""Gives the secrets of a draft the names of environment variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

_OTHER = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class DraftSecret:
    """A secret value of a draft."""

    value: str = field(repr=False)
    purpose: str
    """Words that its variable is named after, such as `openrouter api key`."""


@dataclass(frozen=True, slots=True)
class DraftVariable:
    """A value that the source reads from an environment variable, and the new file too."""

    name: str


type SecretValue = DraftSecret | DraftVariable


def secret_of(text: str, purpose: str, reference: re.Pattern[str]) -> SecretValue:
    """Returns a secret, or the variable that a source's `reference` names in its first group."""
    match = reference.fullmatch(text)
    return DraftVariable(match[1]) if match else DraftSecret(text, purpose)


class SecretNames:
    """The variables of one new file. Equal secrets share one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` takes precedence over the file of variables, so its names are avoided."""
        self._environ = environ
        self.values: dict[str, str] = {}
        """The variables to write, in the order of their first use."""
        self.expected: list[str] = []
        """Variables of the source that the environment must have."""

    def name(self, secret: SecretValue) -> str:
        """Returns the variable that holds a secret."""
        if isinstance(secret, DraftVariable):
            if secret.name not in self.expected:
                self.expected.append(secret.name)
            return secret.name
        known = (name for name, value in self.values.items() if value == secret.value)
        if name := next(known, None):
            return name
        name = self._free_name(secret)
        self.values[name] = secret.value
        return name

    def _free_name(self, secret: DraftSecret) -> str:
        base = _OTHER.sub("_", secret.purpose.upper()).strip("_") or "SECRET"
        base = f"_{base}" if base[0].isdigit() else base
        count, name = 1, base
        while name in self.values or self._environ.get(name, secret.value) != secret.value:
            count += 1
            name = f"{base}_{count}"
        return name
