"""Lists the routers whose configuration can be imported."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from switchyard.importers import bifrost
from switchyard.importers import claude_code_router
from switchyard.importers import cliproxyapi
from switchyard.importers import litellm
from switchyard.importers import new_api
from switchyard.importers import nine_router
from switchyard.importers.draft import Draft
from switchyard.importers.members import SourceMembers


@dataclass(frozen=True, slots=True)
class ImportSource:
    """One router that configurations come from."""

    name: str
    draft: Callable[[SourceMembers], Draft]
    places: tuple[str, ...]
    """Where its files usually are, the one that counts first; `~` is the user's home, `$NAME` a
    folder in a variable."""


SOURCES: Mapping[str, ImportSource] = {
    one.name: one
    for one in (
        ImportSource(
            nine_router.NAME,
            nine_router.draft_nine_router,
            ("$DATA_DIR/db/data.sqlite", "~/.9router/db/data.sqlite", "~/.9router/db.json"),
        ),
        ImportSource(
            cliproxyapi.NAME,
            cliproxyapi.draft_cliproxyapi,
            (
                "~/.cli-proxy-api/config.yaml",
                "~/CLIProxyAPI/config.yaml",
                "~/cliproxyapi/config.yaml",
            ),
        ),
        ImportSource(
            claude_code_router.NAME,
            claude_code_router.draft_claude_code_router,
            ("~/.claude-code-router/config.sqlite", "~/.claude-code-router/config.json"),
        ),
        ImportSource(
            litellm.NAME, litellm.draft_litellm, ("~/.litellm/config.yaml", "~/litellm/config.yaml")
        ),
        ImportSource("one-api", new_api.draft_one_api, ("~/one-api/one-api.db",)),
        ImportSource(
            "new-api",
            new_api.draft_new_api,
            ("~/new-api/one-api.db", "~/new-api/data/one-api.db"),
        ),
        ImportSource(
            bifrost.NAME,
            bifrost.draft_bifrost,
            ("~/.config/bifrost/config.json", "~/bifrost/config.json"),
        ),
    )
}


def found_sources(home: Path, environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    """Returns the file of each of these routers that a machine has, with the source."""
    found: list[tuple[str, Path]] = []
    for source in SOURCES.values():
        paths = (_path(place, home, environ) for place in source.places)
        first = next((path for path in paths if path is not None and path.is_file()), None)
        if first is not None:
            found.append((source.name, first))
    return found


def _path(place: str, home: Path, environ: Mapping[str, str]) -> Path | None:
    first, _, rest = place.partition("/")
    if first == "~":
        return home / rest
    folder = environ.get(first.removeprefix("$"), "")
    return Path(folder, rest) if folder else None
