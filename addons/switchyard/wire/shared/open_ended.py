"""Provides the mender of formats whose streams have no end marker."""

from collections.abc import Sequence

from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event


class OpenEndedMender:
    """Base of such menders; see `format.Mender`."""

    def __init__(self) -> None:
        self._ended = False

    def close(self, events: Sequence[Event]) -> bytes:
        """Returns nothing, because such a stream has no end marker."""
        self._ended = True
        return b""

    def fail(self, error: ApiError) -> bytes:
        """Returns the error, unless the stream has ended."""
        if self._ended:
            return b""
        self._ended = True
        return self._failure(error)

    def _failure(self, error: ApiError) -> bytes:
        """Returns the bytes that report an error."""
        raise NotImplementedError
