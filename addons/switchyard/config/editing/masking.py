"""Masks the secrets of a configuration for people, and takes masked values back as unchanged.

A secret becomes `sk-...wxyz`: its prefix and its last four characters. Short ones become `***`.
Where two would look alike, a number follows. Masks are made anew from the file each time, so that
no table of them is kept.
"""

import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from switchyard.config.editing.pieces import read_pieces
from switchyard.config.editing.pieces import read_plain
from switchyard.config.editing.pieces import scalars
from switchyard.config.editing.rendering import render_flow
from switchyard.config.problems import KeyPath
from switchyard.redaction.credential_names import is_credential_name

MASKED = re.compile(r"(?:[A-Za-z]{1,12}[-_])?\.\.\.[^\s\"',\[\]{}]{4}(?:~\d+)?|\*\*\*(?:~\d+)?")
"""What a mask looks like."""

_LONG = 12
"""Characters from which on a secret keeps its ends."""
_PREFIX = re.compile(r"[A-Za-z]{1,12}[-_]")
_REFERENCE = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Za-z][A-Za-z0-9-]*)")
"""A variable or a header of the client, neither of which is a secret."""
_USERINFO = re.compile(r"://([^/?#@\s:]*:)?([^/?#@\s]+)@")
_BEHIND_ORIGIN = re.compile(r"https?://[^/?#]+[/?](.+)", re.DOTALL | re.IGNORECASE)
"""Who knows the path of a webhook may post to it: Slack's and Discord's have no other key."""
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|csk|fw|tgp|hf|nvapi|ghp|gho|github_pat|AIza|ya29|eyJ)"
    r"[-_][\w.-]{8,}",
    re.ASCII,
)
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_LISTS = ("api-keys", "api-key-entries", "keys", "secret")
"""Lists whose items are keys."""
_WHOLE = ("server",)
_PLAIN = frozenset({"credentials", "auth", "session", "on-auth-failure"})
"""Names that sound like those of secrets, with settings for values."""
_PATHS = frozenset({"tls", "cert", "ca", "client-cert", "client-ca"})
"""Sections whose `key` is the path of a file."""


class Masks:
    """The masks of one text's secrets."""

    def __init__(self, text: str) -> None:
        """Finds the secrets of a text. Raises NotEditable if it is not valid YAML."""
        self._text = text
        self._by_secret: dict[str, str] = {}
        self._by_mask: dict[str, str] = {}
        root = read_pieces(text)
        self._found = list(scalars(root)) if root is not None else []
        values = _Values(text)
        for path, _ in self._found:
            for secret in secrets_at(path, values.at(path)):
                self._add(secret)
        self._of_scalars = frozenset(self._by_secret)
        self._written = {
            str(values.at(path)): text[piece.start : piece.end]
            for path, piece in self._found
            if piece.anchor is None
        }
        for found in secrets_of_comments(text):
            self._add(found)

    def of(self, secret: str) -> str:
        """Returns the mask of a secret of the file; any other text as it is."""
        return self._by_secret.get(secret, secret)

    def masked(self, data: Any, path: KeyPath = ()) -> Any:
        """Returns values with every secret masked."""
        if isinstance(data, Mapping):
            return {key: self.masked(one, (*path, key)) for key, one in data.items()}
        if isinstance(data, list):
            return [self.masked(one, (*path, at)) for at, one in enumerate(data)]
        if isinstance(data, str):
            for secret in sorted(secrets_at(path, data), key=len, reverse=True):
                data = data.replace(secret, self._by_secret.get(secret, "***"))
        return data

    def masked_text(self) -> str:
        """Returns the text with every secret masked, those in comments too."""
        parts: list[str] = []
        at, values = 0, _Values(self._text)
        for path, piece in self._found:
            value = values.at(path)
            if isinstance(value, str) and (shown := self.masked(value, path)) != value:
                lead = f"&{piece.anchor} " if piece.anchor else ""
                parts += [self._text[at : piece.start], lead + render_flow(shown)]
                at = piece.end
        text = "".join(parts) + self._text[at:]
        for secret in sorted(self._by_secret, key=len, reverse=True):
            if len(secret) >= _LONG:
                text = text.replace(secret, self._by_secret[secret])
        return text

    def restored(self, data: Any, path: KeyPath = ()) -> Any:
        """Returns values with the secrets in the place of their masks.

        Only where a secret may stand: elsewhere a mask is a text as any other. Raises
        UnknownMask for the mask of no secret.
        """
        if isinstance(data, Mapping):
            return {key: self.restored(one, (*path, key)) for key, one in data.items()}
        if isinstance(data, list):
            return [self.restored(one, (*path, at)) for at, one in enumerate(data)]
        if isinstance(data, str) and "${" not in data and may_be_secret(path, data):
            return MASKED.sub(lambda match: self._secret(match[0], path), data)
        return data

    def restored_text(self, text: str) -> str:
        """Returns a text that was sent, with the secrets in the place of their masks.

        Raises NotEditable if it is not valid YAML, and UnknownMask.
        """
        root = read_pieces(text)
        parts: list[str] = []
        at, values = 0, _Values(text)
        for path, piece in scalars(root) if root is not None else ():
            value = values.at(path)
            if isinstance(value, str) and (whole := self.restored(value, path)) != value:
                lead = f"&{piece.anchor} " if piece.anchor else ""
                written = self._written.get(whole) or render_flow(whole)
                parts += [text[at : piece.start], lead + written]
                at = piece.end
        restored = "".join(parts) + text[at:]
        in_comments = {
            self._by_secret[one]: one for one in self._by_secret.keys() - self._of_scalars
        }
        return _COMMENT.sub(
            lambda match: MASKED.sub(lambda one: in_comments.get(one[0], one[0]), match[0]),
            restored,
        )

    def _add(self, secret: str) -> None:
        if secret in self._by_secret:
            return
        mask = base = mask_of(secret)
        number = 1
        while mask in self._by_mask:
            number += 1
            mask = f"{base}~{number}"
        self._by_secret[secret], self._by_mask[mask] = mask, secret

    def _secret(self, mask: str, path: KeyPath) -> str:
        if (secret := self._by_mask.get(mask)) is None:
            raise UnknownMask(path)
        return secret


class UnknownMask(ValueError):
    """A masked value that stands for no secret of the file."""

    def __init__(self, path: KeyPath) -> None:
        super().__init__("is the masked value of no key in the file")
        self.path = path


def mask_of(secret: str) -> str:
    """Returns a secret as people may see it."""
    if len(secret) < _LONG:
        return "***"
    found = _PREFIX.match(secret)
    last = re.sub(r"[\s\"',\[\]{}]", "*", secret[-4:])
    return f"{found[0] if found else ''}...{last}"


def secrets_at(path: KeyPath, value: object) -> list[str]:
    """Returns the secrets in a value at a path.

    That is all of it, a URL's password, what is behind a webhook's host, or what looks like a key.
    """
    if not isinstance(value, str) or not value or _REFERENCE.fullmatch(value):
        return []
    if found := [match[2] for match in _USERINFO.finditer(value)]:
        return [one for one in found if not _REFERENCE.fullmatch(one)]
    if _is_webhook(path):
        match = _BEHIND_ORIGIN.fullmatch(value)
        return [] if match is None or _REFERENCE.fullmatch(match[1]) else [match[1]]
    if may_be_secret(path, value):
        scheme, space, rest = value.partition(" ")
        bare = rest if space and scheme.lower() in ("bearer", "basic") else value
        return [] if _REFERENCE.fullmatch(bare) else [bare]
    return _KEY_LIKE.findall(value)


def may_be_secret(path: KeyPath, value: str = "") -> bool:
    """Whether a secret may stand at a path."""
    names = [step for step in path if isinstance(step, str)]
    if not names or not _PATHS.isdisjoint(names[:-1]):
        return _USERINFO.search(value) is not None
    last = names[-1].lower().replace("_", "-")
    if isinstance(path[-1], int):
        return last in _LISTS
    if last in _PLAIN or last in _PATHS or last.endswith(("-file", "-hash", "-header")):
        return False
    if last in _WHOLE or is_credential_name(last) or _is_webhook(path):
        return True
    return _USERINFO.search(value) is not None


def _is_webhook(path: KeyPath) -> bool:
    return path[:1] == ("webhooks",) and path[-1] == "url"


class _Values:
    """The values of a text by their paths."""

    def __init__(self, text: str) -> None:
        self._plain = read_plain(text)

    def at(self, path: KeyPath) -> object:
        value: Any = self._plain
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def secrets_of_comments(text: str) -> list[str]:
    """Returns what looks like a secret in the comments of a text."""
    return [one for comment in _COMMENT.findall(text) for one in _secrets_of_comment(comment)]


def _secrets_of_comment(comment: str) -> Iterator[str]:
    yield from _KEY_LIKE.findall(comment)
    for match in _USERINFO.finditer(comment):
        yield match[2]
    for match in re.finditer(r"\b([a-z-]*(?:key|token|secret|password))\s*:\s*(\S+)", comment):
        value = match[2].strip("\"',}]")
        if len(value) >= 8 and not _REFERENCE.fullmatch(value):
            yield value
