"""Menders of formats whose streams have no mark at their end."""

from collections.abc import Sequence

from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event


class OpenEndedMender:
    """What such menders have in common; see `format.Mender`."""

    def __init__(self) -> None:
        self._ended = False

    def close(self, events: Sequence[Event]) -> bytes:
        """Nothing is missing at the end."""
        self._ended = True
        return b""

    def fail(self, error: ApiError) -> bytes:
        """The error, unless the stream has ended."""
        if self._ended:
            return b""
        self._ended = True
        return self._failure(error)

    def _failure(self, error: ApiError) -> bytes:
        """The bytes that tell an error."""
        raise NotImplementedError
