"""Reads `secrets.age`: values for `${NAME}`, encrypted by age to the keys of a user's devices.

Its content is a YAML mapping of names to values. The format is age's version 1
(https://age-encryption.org/v1), so that the tool `age` opens it with the key of a device.
"""

import importlib
import re
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from switchyard.config.editing.rendering import render_entry
from switchyard.config.problems import ConfigError
from switchyard.config.problems import ConfigProblem
from switchyard.values.files import read_regular
from switchyard.values.folders import state_folder

SECRETS_FILE = "secrets.age"
"""The name of the file, which stands beside the configuration."""

NAME_OF_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_IDENTITY = "AGE-SECRET-KEY-"


class SealedError(ValueError):
    """A file of secrets cannot be opened or written. Its text holds no secret."""


def device_key_file() -> Path:
    """Return where the age key of this device is kept, whether it is there or not."""
    return state_folder() / "sync" / "device.key"


def age_library() -> Any:
    """Return the library pyrage, which has no types. Raises SealedError where it is missing."""
    try:
        return importlib.import_module("pyrage")
    except ImportError:
        hint = "pip install 'switchyard[sync]'"
        raise SealedError(f"needs the library pyrage, which is missing: {hint}") from None


def read_secrets_file(path: Path, key: Path | None = None) -> dict[str, str]:
    """Return the secrets in a file, opened by a key; none where there is no file.

    `key` is the file of that; without it, that of this device. Raises ConfigError, which
    quotes nothing of the file.
    """
    try:
        content = read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        message = f"cannot be read: {error.strerror or type(error).__name__}"
        raise ConfigError([_problem(path, message, "make it readable or remove it")]) from None
    try:
        return opened(content, read_identity(key or device_key_file()))
    except SealedError as error:
        hint = "have this device allowed (switchyard sync), or remove the file"
        raise ConfigError([_problem(path, str(error), hint)]) from None


def read_identity(path: Path) -> str:
    """Return the age identity in a key file. Raises SealedError."""
    try:
        lines = read_regular(path).decode("ascii", "replace").split()
    except OSError as error:
        raise SealedError(f"needs the key {path}: {error.strerror}") from None
    found = next((one for one in lines if one.startswith(_IDENTITY)), "")
    pyrage = age_library()
    try:
        pyrage.x25519.Identity.from_str(found)
    except pyrage.IdentityError:
        raise SealedError(f"needs the key {path}, which holds no {_IDENTITY}...") from None
    return found


def opened(content: bytes, identity: str) -> dict[str, str]:
    """Decrypt secrets. Raises SealedError if the identity is not among those it was made for."""
    pyrage = age_library()
    try:
        text = pyrage.decrypt(content, [pyrage.x25519.Identity.from_str(identity)]).decode()
        found = YAML(typ="safe", pure=True).load(text)
    except pyrage.DecryptError:
        raise SealedError("is not encrypted for the key of this device, or is damaged") from None
    except (YAMLError, UnicodeDecodeError, RecursionError):
        found = ()
    secrets = {} if found is None else found
    if isinstance(secrets, dict) and all(map(_is_secret, secrets.items())):
        return secrets
    raise SealedError("holds something else than names with texts")


def sealed(secrets: Mapping[str, str], recipients: Iterable[str]) -> bytes:
    """Encrypt secrets to age recipients, as text. Raises SealedError."""
    pyrage = age_library()
    lines = [render_entry(name, secrets[name], 0) + "\n" for name in sorted(secrets)]
    try:
        keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
        return pyrage.encrypt("".join(lines).encode(), keys, armored=True)
    except (pyrage.RecipientError, pyrage.EncryptError):
        raise SealedError("cannot be encrypted: the key of a device is none of age's") from None


def _is_secret(entry: tuple[object, object]) -> bool:
    name, value = entry
    return isinstance(name, str) and bool(NAME_OF_SECRET.fullmatch(name)) and isinstance(value, str)


def _problem(path: Path, message: str, hint: str) -> ConfigProblem:
    return ConfigProblem(str(path), None, "", message, hint)
