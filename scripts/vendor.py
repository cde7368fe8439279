"""Fetches the libraries of the dashboard, and writes down what they are.

`vendored.json` names version, licence, the package's integrity (as npm's registry states it) and
the SHA-256 of each file as it lies here. Imports by a package's name become paths to files beside:
without a build step a browser could not find them, and an import map would be an inline script,
which the page's policy forbids. Needs `npm`.
"""

import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).resolve().parents[1] / "addons" / "switchyard" / "dashboard" / "static"
FOLDER = STATIC / "vendor"
LIST = STATIC / "vendored.json"


@dataclass(frozen=True, slots=True)
class Package:
    """A package of npm: what of it is taken, by the name of the file here."""

    name: str
    version: str
    files: dict[str, str]
    imports: dict[str, str]
    """Names that its modules import, and the files that they mean here."""


PACKAGES = (
    Package(
        "preact",
        "11.2.0",
        {"preact.js": "dist/preact.mjs", "hooks.js": "hooks/dist/hooks.mjs"},
        {"preact": "./preact.js"},
    ),
    Package("htm", "3.1.1", {"htm.js": "dist/htm.module.js"}, {}),
    Package("@preact/signals-core", "1.14.5", {"signals-core.js": "dist/signals-core.mjs"}, {}),
    Package(
        "@preact/signals",
        "2.11.4",
        {"signals.js": "dist/signals.mjs"},
        {
            "preact": "./preact.js",
            "preact/hooks": "./hooks.js",
            "@preact/signals-core": "./signals-core.js",
        },
    ),
    Package(
        "uplot",
        "1.6.32",
        {"uplot.js": "dist/uPlot.iife.min.js", "uplot.css": "dist/uPlot.min.css"},
        {},
    ),
)


def fetched(package: Package) -> tuple[dict[str, bytes], str]:
    """The files of a package as npm packs them, and its integrity."""
    with tempfile.TemporaryDirectory() as folder:
        named = f"{package.name}@{package.version}"
        command = ["npm", "pack", "--silent", "--pack-destination", folder, named]
        subprocess.run(command, check=True, capture_output=True)
        (packed,) = Path(folder).glob("*.tgz")
        content = packed.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {name: archive.extractfile(f"package/{name}") for name in _wanted(package)}
        files = {name: member.read() for name, member in members.items() if member is not None}
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    return files, f"sha512-{digest}"


def _wanted(package: Package) -> Iterator[str]:
    yield from ("package.json", "LICENSE")
    yield from package.files.values()


def adapted(content: bytes, package: Package) -> bytes:
    """A file with its imports as paths, and without the name of a map that does not lie here."""
    text = content.decode()
    for name, path in package.imports.items():
        for quote in ('"', "'"):
            text = text.replace(f"from{quote}{name}{quote}", f"from{quote}{path}{quote}")
            text = text.replace(f"from {quote}{name}{quote}", f"from {quote}{path}{quote}")
    lines = [line for line in text.splitlines() if not line.startswith("//# sourceMappingURL")]
    return ("\n".join(lines) + "\n").encode()


def main() -> int:
    """Write all files and their list; return the exit status."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = []
    for package in PACKAGES:
        files, integrity = fetched(package)
        about = json.loads(files["package.json"])
        licence = FOLDER / "licences" / f"{package.name.replace('/', '-').strip('@')}.txt"
        licence.parent.mkdir(exist_ok=True)
        licence.write_bytes(files["LICENSE"])
        hashes = {}
        for here, there in package.files.items():
            content = adapted(files[there], package)
            (FOLDER / here).write_bytes(content)
            hashes[here] = hashlib.sha256(content).hexdigest()
        rows.append(
            {
                "name": package.name,
                "version": package.version,
                "licence": about["license"],
                "homepage": about.get("homepage", ""),
                "integrity": integrity,
                "files": hashes,
            }
        )
    LIST.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
