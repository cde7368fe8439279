"""Lists how upstreams may read a model's name, where not letter by letter.

A pattern that a name passes or escapes in one spelling must not be bypassed by another that the
upstream takes as equal: with white space around it, in compatibility characters (Unicode Standard
Annex 15, NFKC), with invisible characters, or with a suffix that gateways cut off.
"""

import re
import unicodedata
from collections.abc import Iterator

_PLAIN = re.compile(r"[\w.:@+~-]+(?:/[\w.:@+~-]+)*", re.ASCII)
"""Names that have one reading."""

_SLASHES = re.compile("/{2,}")
_SUFFIX = re.compile(r"(?s)(.+?)\s*\([^()]*\)")
_GEMINI = "models/"
_LATEST = ":latest"


def is_odd(name: str) -> bool:
    """Whether no model has such a name.

    Odd names contain invisible characters (Unicode's categories Cc, Cf, Cs, Zl, Zp), white space at
    an end of one of their parts, or a part `..`.
    """
    if _PLAIN.fullmatch(name) and ".." not in name:
        return False
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name):
        return True
    parts = name.replace("\\", "/").split("/")
    return any(part != part.strip() or part == ".." for part in parts)


def readings(name: str) -> tuple[str, ...]:
    """Return every reading of a name, itself first.

    The readings are folded, without a slash that follows another, and without one suffix `(...)`
    after the other.
    """
    if _PLAIN.fullmatch(name):
        return (name,)
    found = {name: None}
    folded = _folded(name)
    found[folded] = None
    if "//" in folded:
        folded = _SLASHES.sub("/", folded)
        found[folded] = None
    while (match := _SUFFIX.fullmatch(folded)) is not None:
        folded = match[1].strip()
        found[folded] = None
    return tuple(found)


def readings_of_model(model: str) -> Iterator[str]:
    """Return every way in which a provider may read its own model's name.

    As `readings`, also without Gemini's `models/` in front, and with or without the tag that
    Ollama's models have by default.
    """
    for name in readings(model):
        for bare in dict.fromkeys((name, name.removeprefix(_GEMINI), name.lstrip("/"))):
            yield bare
            last = bare.rpartition("/")[2]
            if bare.endswith(_LATEST):
                yield bare.removesuffix(_LATEST)
            elif ":" not in last:
                yield bare + _LATEST


def _folded(name: str) -> str:
    seen = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    parts = unicodedata.normalize("NFKC", seen).replace("\\", "/").split("/")
    return "/".join(part.strip() for part in parts)
