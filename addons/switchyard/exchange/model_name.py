"""Names of models as clients may write them."""

from switchyard.exchange.guard import Refused
from switchyard.wire.model.errors import ApiError

LONGEST_NAME = 256
"""Characters of a model's name."""


def check_name(model: str) -> None:
    """Raises Refused for a model's name that is longer than any: what is known of models is kept by
    their names, and names that are none are compared with all others."""
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
