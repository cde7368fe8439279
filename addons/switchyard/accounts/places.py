"""Finds values in JSON documents by the paths that a configuration gives."""

from typing import Any

from switchyard.values.json_paths import Where
from switchyard.values.json_paths import parse_path


def value_at(document: object, place: str) -> Any:
    """Return what stands at a path of a JSON document; None where nothing does.

    Raises PathError if `place` is not a path.
    """
    found: Any = document
    for step in parse_path(place):
        if isinstance(step, Where):
            items = found if isinstance(found, list) else ()
            fitting = (
                item
                for item in items
                if isinstance(item, dict) and item.get(step.name) == step.value
            )
            found = next(fitting, None)
        elif isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found
