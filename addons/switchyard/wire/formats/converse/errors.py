"""Reads errors (API reference, "Converse" and "ConverseStream", errors)."""

from switchyard.wire.formats.converse.names import NAME
from switchyard.wire.shared.aws_errors import error_finder

find_error = error_finder(NAME)
"""Returns the error that a body or a stream's event reports, or None."""
