"""Judges JSON of AWS' services by AWS' own description of them, which botocore has.

botocore's validator looks neither at patterns nor at words of a list, and takes bytes as bytes;
here bytes are base64, as on the wire.
"""

import base64
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "structure": dict,
    "map": dict,
    "list": list,
    "blob": str,
}


@cache
def service(name: str = "bedrock-runtime") -> ServiceModel:
    """AWS' description of a service."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def faults(operation: str, body: object, **uri: str) -> list[str]:
    """What is wrong with `body` as the input of an operation; `uri` are members in its path."""
    shape = service().operation_model(operation).input_shape
    said = {**body, **uri} if isinstance(body, dict) else body
    return list(_faults(shape, said, operation))


def faults_of_shape(name: str, value: object) -> list[str]:
    """What is wrong with a value that is to have a shape of Bedrock's."""
    return list(_faults(service().shape_for(name), value, name))


def as_parameters(shape: Any, value: Any) -> Any:
    """A value from the wire as botocore's clients take it: bytes as bytes."""
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "list":
        return [as_parameters(shape.member, one) for one in value]
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        return {name: as_parameters(shape.members[name], one) for name, one in value.items()}
    return value


def _faults(shape: Any, value: Any, where: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    wanted = _TYPES[shape.type_name]
    is_flag = isinstance(value, bool) and shape.type_name != "boolean"
    if not isinstance(value, wanted) or is_flag:
        yield f"{where}: {value!r} is no {shape.type_name}"
        return
    if isinstance(value, dict) and shape.type_name == "structure":
        yield from _members(shape, value, where)
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _faults(shape.member, one, f"{where}[{place}]")
    elif isinstance(value, str):
        yield from _text(shape, value, where)
    yield from _size(shape, value, where)


def _members(shape: Any, value: dict[str, Any], where: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"{where}: lacks {name}"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{where}: has {sorted(value)} where one member is allowed"
    for name, one in value.items():
        if name in shape.members:
            yield from _faults(shape.members[name], one, f"{where}.{name}")
        else:
            yield f"{where}: has no member {name}"


def _text(shape: Any, value: str, where: str) -> Iterator[str]:
    words = shape.metadata.get("enum")
    if words and value not in words:
        yield f"{where}: {value!r} is none of {words}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{where}: {value!r} does not match {pattern}"
    if shape.type_name == "blob":
        try:
            base64.b64decode(value, validate=True)
        except ValueError:
            yield f"{where}: is no base64"


def _size(shape: Any, value: Any, where: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    size = value if isinstance(value, int | float) else len(value)
    if (least is not None and size < least) or (most is not None and size > most):
        yield f"{where}: {size} is not within {least} and {most}"
