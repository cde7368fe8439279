"""Checks the names of models in client requests."""

from switchyard.exchange.guard import Refused
from switchyard.wire.model.errors import ApiError

LONGEST_NAME = 256
"""Characters of a model's name at most."""


def check_name(model: str) -> None:
    """Raises Refused for a model's name longer than any real one.

    The router keeps facts about models by name, and compares unknown names with all others.
    """
    if len(model) > LONGEST_NAME:
        raise Refused(
            ApiError(
                message=f"There is no model whose name has more than {LONGEST_NAME} characters. "
                "GET /v1/models lists all models.",
                kind="not_found",
                code="model_not_found",
                param="model",
            )
        )
