"""Edits a configuration: from values or a text to a checked file, secrets masked on the way."""

import difflib
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from switchyard.config.editing.config_file import ConfigFile
from switchyard.config.editing.config_file import etag_of
from switchyard.config.editing.masking import Masks
from switchyard.config.editing.masking import UnknownMask
from switchyard.config.editing.pieces import NotEditable
from switchyard.config.editing.pieces import read_plain
from switchyard.config.editing.splicing import spliced
from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.config.problems import ConfigProblem
from switchyard.config.problems import dotted
from switchyard.config.schema import Config

type ValuesChange = Callable[[dict[str, Any]], object]
"""Changes the values of a file in place; masked secrets in it stand for themselves."""

type MaskOf = Callable[[str], str]
"""Returns the mask of a secret that is in the file; any other text as it is."""

type KnowingChange = Callable[[dict[str, Any], MaskOf], object]
"""Changes the values of a file, and finds secrets that were sent in clear among them."""


@dataclass(frozen=True, slots=True)
class ConfigDraft:
    """A new content, checked and not yet written."""

    before: bytes
    after: bytes
    config: Config

    @property
    def diff(self) -> str:
        """The difference as a unified diff, with secrets masked."""
        return masked_diff(
            self.before.decode("utf-8-sig", "replace"), self.after.decode("utf-8-sig", "replace")
        )

    @property
    def etag(self) -> str:
        return etag_of(self.after)


class ConfigEditor:
    """Makes drafts of one file. Methods block on the disk."""

    def __init__(self, path: Path, env: Mapping[str, str], template: Path | None = None) -> None:
        """`env` has the variables; `template` is read where there is no file at `path` yet."""
        self.file = ConfigFile(path)
        self._path = path
        self._env = env
        self._template = template

    def content(self) -> bytes:
        """Returns the present content, or that of the template. Raises OSError."""
        content = self.file.read()
        if not content and self._template is not None:
            content = ConfigFile(self._template).read()
        return content

    def draft(self, change: ValuesChange) -> ConfigDraft:
        """Returns a draft with the values that `change` makes. Raises ConfigError and OSError."""
        return self.draft_knowing(lambda given, _: change(given))

    def draft_knowing(self, change: KnowingChange) -> ConfigDraft:
        """Returns a draft as `draft` does, for a change that knows the masks of secrets."""
        before = self.content()
        text = before.decode("utf-8-sig", "replace")
        with _problems(self._path):
            masks, plain = Masks(text), read_plain(text)
            wanted = plain if isinstance(plain, dict) else {}
            given = masks.masked(wanted)
            change(given, masks.of)
            return self._checked(before, spliced(text, masks.restored(given)))

    def draft_text(self, text: str) -> ConfigDraft:
        """Returns a draft of a whole text. Raises ConfigError and OSError."""
        before = self.content()
        with _problems(self._path):
            try:
                restored = _masks_of(before).restored_text(text)
            except NotEditable:
                parse_config(text.encode(), self._path, self._env)  # says which line is wrong
                raise
        return self._checked(before, restored)

    def draft_version(self, id: str) -> ConfigDraft | None:
        """Returns a draft of a version; None if there is none. Raises ConfigError and OSError."""
        content = self.file.version(id)
        if content is None:
            return None
        return self._checked(self.content(), content.decode("utf-8-sig", "replace"))

    def write(self, draft: ConfigDraft, forced: bool = False) -> None:
        """Writes a draft, if the file is still what it was made from, or else if `forced`.

        Raises Stale, ReadOnly and OSError.
        """
        there = self.file.read()
        known = etag_of(draft.before if there else b"")
        self.file.write(draft.after, None if forced else known)

    def _checked(self, before: bytes, text: str) -> ConfigDraft:
        after = text.encode()
        return ConfigDraft(before, after, parse_config(after, self._path, self._env))


class _problems:
    """Turns what cannot be edited into problems of the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, UnknownMask):
            place = dotted(error.path)
            hint = "send the key itself, or the mask that GET returned"
            problem = ConfigProblem(str(self._path), None, place, str(error), hint)
            raise ConfigError([problem]) from None
        if isinstance(error, NotEditable):
            problem = ConfigProblem(str(self._path), None, "", f"cannot be changed: {error}")
            raise ConfigError([problem]) from None


def masked_text(content: bytes) -> str:
    """Returns a content with its secrets masked; only a note for one that is not valid YAML."""
    try:
        return Masks(content.decode("utf-8-sig", "replace")).masked_text()
    except NotEditable:
        return "# not valid YAML\n"


def _masks_of(content: bytes) -> Masks:
    """Returns the masks of a file's secrets: none where an editor left it unreadable."""
    try:
        return Masks(content.decode("utf-8-sig", "replace"))
    except NotEditable:
        return Masks("")


def masked_diff(before: str, after: str) -> str:
    """Returns a unified diff of two texts, with the secrets of both masked."""
    texts = [masked_text(text.encode()).splitlines(keepends=True) for text in (before, after)]
    if texts[0] == texts[1] and before != after:
        return "@@ a masked value @@\n"
    lines = difflib.unified_diff(texts[0], texts[1], "before", "after", n=2)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
