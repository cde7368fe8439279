"""Refuses parameters that are given twice, or that a route does not have."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from switchyard.management.api.errors import ApiProblem


def refuse_repeats(request: Request) -> None:
    """Raises ApiProblem for a parameter that is given twice: programs choose differently."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) != len(set(names)):
        raise ApiProblem(422, "The query has a parameter twice. Send each once.")


def refuse_unknown(request: Request) -> None:
    """Raises ApiProblem for a parameter that a route does not have: `dryrun` changes the file."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    # The description of all routes has them too, but takes a fifth of a second to make.
    known = set(_parameters(route.dependant))
    if unknown := [name for name in request.query_params if name not in known]:
        takes = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
        raise ApiProblem(422, f"The query has {unknown[0][:40]!r}. {takes}")


def _parameters(dependant: Dependant) -> Iterator[str]:
    """Yields the parameters that a handler and what it depends on read from the query."""
    for one in dependant.query_params:
        kind = one.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (field.alias or name for name, field in kind.model_fields.items())
        else:
            yield one.alias
    for each in dependant.dependencies:
        yield from _parameters(each)
