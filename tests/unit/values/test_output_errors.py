import errno

from switchyard.values.output_errors import is_of_output


def test_errors_of_output_name_no_file() -> None:
    assert is_of_output(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert is_of_output(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_of_output(OSError(errno.ENOSPC, "No space left on device", "keys.yaml"))
    assert not is_of_output(OSError(errno.ENOLCK, "No locks available"))
