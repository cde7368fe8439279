"""Reads `.env`: the file beside a configuration that holds keys apart from it.

The syntax is that of python-dotenv and Docker Compose, without references between values: one
`NAME=value` a line, with or without `export`, quotes and comments.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from switchyard.config.problems import ConfigError
from switchyard.config.problems import ConfigProblem
from switchyard.values.files import read_regular

NAME = ".env"

_LINE = re.compile(
    r"""
    \s* (?:export\s+)? (?P<name>[A-Za-z_][A-Za-z0-9_]*) \s* = [^\S\n]*
    (?: '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<bare>(?!['"]).*?) )
    (?:\s+\#.*|\s*)
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of a file; none where there is no such file.

    Raises `ConfigError`, which quotes nothing of the file, for a line that sets no variable and for
    a file that cannot be read.
    """
    try:
        text = read_regular(path).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        message = f"cannot be read: {error.strerror or type(error).__name__}"
        raise ConfigError(
            [_problem(path, None, message, "make it readable or remove it")]
        ) from None
    except UnicodeDecodeError:
        raise ConfigError([_problem(path, None, "is not UTF-8 text", "save it as UTF-8")]) from None
    variables: dict[str, str] = {}
    problems: list[ConfigProblem] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if match := _LINE.fullmatch(line):
            variables[match["name"]] = _value(match)
        else:
            problems.append(_problem(path, number, "sets no variable", "write NAME=value"))
    if problems:
        raise ConfigError(problems)
    return variables


def with_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with what a file adds to it: a variable that is set and not empty holds.

    Raises `ConfigError` as `read_dotenv` does.
    """
    added = {name: value for name, value in read_dotenv(path).items() if not environ.get(name)}
    return {**environ, **added}


def _value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return _ESCAPE.sub(lambda one: _ESCAPES.get(one[1], one[1]), match["double"])
    bare: str = match["bare"]
    return "" if bare.startswith("#") else bare


def _problem(path: Path, line: int | None, message: str, hint: str) -> ConfigProblem:
    return ConfigProblem(str(path), line, "", message, hint)
