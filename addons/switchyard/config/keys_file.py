"""Reads the file of client keys that the router owns (`clients.keys-file`).

It has the schema of `clients.api-keys`, with hashes in place of keys, so that people can read it
and keep it under version control.
"""

from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from switchyard.config.client_keys import ClientKey
from switchyard.config.problems import ConfigError
from switchyard.config.problems import ConfigProblem
from switchyard.config.references import check_extended
from switchyard.config.section import Section
from switchyard.config.section import short
from switchyard.config.validation import validated
from switchyard.config.yaml_source import read_document
from switchyard.values.files import read_regular


class KeysFile(Section):
    """All of a keys file."""

    api_keys: tuple[Annotated[ClientKey, short("key")], ...] = ()


def read_keys(
    path: Path, env: Mapping[str, str], policies: Collection[str] | None = None
) -> tuple[ClientKey, ...]:
    """Return the keys in a file; none if there is no such file yet.

    `policies` are the names that a key may extend; None: not known.

    Raises ConfigError with every problem found.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        message = f"cannot be read: {error.strerror or type(error).__name__}"
        raise ConfigError([ConfigProblem(str(path), None, "", message)]) from None
    return parse_keys(content, path, env, policies)


def parse_keys(
    content: bytes, path: Path, env: Mapping[str, str], policies: Collection[str] | None = None
) -> tuple[ClientKey, ...]:
    """Return the keys in `content`. Raises ConfigError with every problem found."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "is not UTF-8 text"
        raise ConfigError([ConfigProblem(str(path), None, "", message)]) from None
    document = read_document(text, str(path), env)
    if document.data is None and not document.problems:
        return ()
    found = validated(document, KeysFile)
    if policies is not None and isinstance(data := document.data, dict):
        keys = data.get("api-keys")
        entries = enumerate(keys) if isinstance(keys, list) else ()
        check_extended(document, [(("api-keys", at), key) for at, key in entries], policies)
    if found is None or document.problems:
        raise ConfigError(document.problems)
    return found.api_keys
