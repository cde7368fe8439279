"""Runs the programs that print credentials: password managers, clouds' tools, helpers.

A program gets no input and no shell. What it prints is the credential and appears nowhere; of what
it prints as errors, the log gets one masked line.
"""

import math
import os
import signal
import subprocess
import threading
import time

from switchyard.accounts.reading import read_token
from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.credentials import CredentialSource
from switchyard.redaction.text import one_line
from switchyard.redaction.text import redact

WITHIN = 60.0
"""Seconds that a program may take; some wait for a fingerprint."""

_LONGEST_ERROR = 200
_AHEAD = 0.8
"""The share of the ttl after which the program runs again, beside the requests."""

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


class CommandOutput:
    """The reader of one `{command: [...]}`. Used by one thread at a time."""

    def __init__(self, source: CredentialSource, within: float = WITHIN) -> None:
        assert source.command is not None
        self._source = source
        self._command = source.command
        self._within = within

    def read(self, refused: str) -> Token:
        """Return what the program prints, for `ttl` seconds. Raises SourceError."""
        token = read_token(_run(self._command, self._within), self._source)
        now = time.time()
        if token.is_expired(now):
            raise SourceError("gives an expired token")
        until = min(now + self._source.ttl, token.expires_at)
        life = until - now
        return Token(token.secret, until, now + life * _AHEAD, life=life)

    def has_changed(self) -> bool:
        return False


def end_commands() -> None:
    """End all programs that run, and those that they started: the router stops."""
    with _lock:
        for process in _running:
            _end(process)


def _run(command: tuple[str, ...], within: float) -> str:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise SourceError(f"cannot be started: {error.strerror or type(error).__name__}") from None
    with _lock:
        _running.add(process)
    try:
        printed, errors = process.communicate(timeout=within if math.isfinite(within) else None)
    except subprocess.TimeoutExpired:
        _end(process)
        process.communicate()
        raise SourceError(f"printed nothing within {within:g} s") from None
    finally:
        with _lock:
            _running.discard(process)
    if process.returncode:
        raise SourceError(f"ended with status {process.returncode}{_words_of(errors, printed)}")
    try:
        return printed.decode()
    except UnicodeDecodeError:
        raise SourceError("prints no text") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just ended


def _words_of(errors: bytes, printed: bytes) -> str:
    """The last line of a program's errors, without credentials and what it also printed."""
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        return ""
    line = redact(one_line(lines[-1]))
    for word in printed.decode("utf-8", "replace").split():
        line = line.replace(word, "***")
    return f": {line[:_LONGEST_ERROR]}"
