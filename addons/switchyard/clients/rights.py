"""Checks the models that a request names beside its own."""

from switchyard.config.readings import readings
from switchyard.exchange.exchange import Call
from switchyard.exchange.guard import Refused
from switchyard.values.globs import Globs
from switchyard.wire.model.errors import ApiError
from switchyard.wire.shared.model_members import other_names

_SHOWN = 80
"""Characters of a model's name that an error repeats."""


def check_members(call: Call) -> None:
    """Raises Refused where a body names other models than its key may ask for."""
    client = call.client
    if client is None or not is_restricted(client.models):
        return
    for member, model in other_names(call.parsed, call.format.name_is_model):
        if not model or not all(map(client.models.matches, readings(model))):
            raise refused_model(f"the member '{member[:60]}'", member)


def is_restricted(models: Globs) -> bool:
    """Whether there are names that these patterns do not match."""
    if models.without is not None:
        return True
    return not any(pattern and not pattern.strip("*") for pattern in models.patterns)


def hidden_model(model: str) -> Refused:
    """Returns the refusal of a model that is hidden from a key.

    One that does not exist gets the same, without similar names, so that nobody learns which
    models there are.
    """
    shown = model if len(model) <= _SHOWN else f"{model[: _SHOWN - 3]}..."
    message = f"There is no model {shown!r}. GET /v1/models lists all models."
    return Refused(
        ApiError(message=message, kind="not_found", code="model_not_found", param="model")
    )


def refused_model(what: str, param: str) -> Refused:
    message = f"This key may not use every model, and {what} may choose one. Leave it out."
    return Refused(
        ApiError(message=message, kind="permission", code="model_not_allowed", param=param),
        {"x-should-retry": "false"},
    )
