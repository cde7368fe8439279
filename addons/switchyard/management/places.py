"""Where the management keeps sessions and the audit."""

import os
from pathlib import Path

from switchyard.config.schema import Config
from switchyard.runtime.usage_rules import place_of
from switchyard.usage.places import default_folder


def management_folder(config: Config) -> Path:
    """Returns the folder of a configuration: `management.dir`, or one beside the usage records."""
    if config.management.dir:
        return Path(config.management.dir).expanduser()
    place = place_of(config)
    usage = place.folder if place is not None else default_folder(dict(os.environ))
    return usage.parent / "management"
