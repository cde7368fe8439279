"""The project that a tool works on, which its requests are recorded under."""

from pathlib import Path
from urllib.parse import quote

HEADER = "x-switchyard-project"


def project_of(folder: Path) -> str | None:
    """The name of the folder's git root; None where there is none.

    Of a worktree, that of the repository it belongs to.
    """
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_dir():
            return _plain(place.name)
        if git.is_file():
            return _plain(_repository(git) or place.name)
    return None


def _repository(git: Path) -> str | None:
    """The name of the repository that a worktree's `.git` file points into."""
    try:
        pointed = git.read_text().partition("gitdir:")[2].strip()
    except (OSError, UnicodeDecodeError):
        return None
    before, found, _ = pointed.partition("/.git/worktrees/")
    return Path(before).name if found else None


def _plain(name: str) -> str | None:
    """A name that headers and paths can carry; None if there is none of it left."""
    plain = "".join(char for char in name if char.isascii() and char.isprintable()).strip()
    return plain or None


def with_project(router: str, project: str | None) -> str:
    """The router's base URL for requests of a project."""
    return router if project is None else f"{router}/p/{quote(project, safe='')}"


def with_header(given: str | None, project: str | None) -> str:
    """The lines of `ANTHROPIC_CUSTOM_HEADERS` with the project's, which the user's go before."""
    lines = [line for line in (given or "").splitlines() if line.strip()]
    if project is not None and not any(line.lower().startswith(HEADER) for line in lines):
        lines.append(f"{HEADER}: {project}")
    return "\n".join(lines)
