"""Prints config/shipped/parsed.json: what the shipped tables say that each start reads.

`scripts/docs` writes the file.
"""

import hashlib
import json
from pathlib import Path

from ruamel.yaml import YAML

SHIPPED = Path(__file__).resolve().parents[1] / "config" / "shipped"
TABLES = ("errors.yaml", "hosts.yaml")


def document() -> str:
    """Return the tables by the names of their files, each with the file's digest."""
    lines = []
    for name in TABLES:
        content = (SHIPPED / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        parsed = {"sha256": digest, "says": YAML(typ="safe").load(content)}
        lines.append(f"{json.dumps(name)}: {json.dumps(parsed, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    print(document(), end="")
