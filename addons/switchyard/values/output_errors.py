"""Tells errors of standard output, which name no file, from those of files."""

import errno

_CAUSES = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO})


def is_of_output(error: OSError) -> bool:
    """Whether an error says that what was printed could not be written."""
    return error.filename is None and error.errno in _CAUSES
