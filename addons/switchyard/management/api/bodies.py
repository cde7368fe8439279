"""What bodies of requests to the management API have in common."""

from pydantic import BaseModel
from pydantic import ConfigDict


class RequestBody(BaseModel):
    """A body that refuses members it does not know: one with a typo would count for nothing."""

    model_config = ConfigDict(extra="forbid")
