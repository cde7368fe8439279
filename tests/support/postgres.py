"""A PostgreSQL server of the tests' own, of the system's packages."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import NullPool
from sqlalchemy import create_engine
from sqlalchemy import text

from tests.support.ports import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_ACCOUNTS = ("postgres", "nobody")
"""Who runs the server where the tests are root, which it refuses to be."""


def find_programs() -> Path | None:
    """Returns the folder of `initdb` and `postgres`, of the latest version; None without one."""
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda file: float(file.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """A server in a folder of its own. It can be stopped, killed and started again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._port = free_port()
        self._account = _account() if os.getuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        if self._account is not None:
            os.chown(folder, self._account, -1)
        self._run("initdb", "-D", str(folder / "data"), "-U", "tester", "-A", "trust", "-N",
                  "-E", "UTF8", "--locale=C")  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._process = subprocess.Popen(
            [
                str(self._programs / "postgres"),
                *("-D", str(self._folder / "data"), "-p", str(self._port), "-h", "127.0.0.1"),
                *("-k", "", "-c", "fsync=off", "-c", "max_connections=60"),
            ],
            user=self._account,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ready = ["pg_isready", "-h", "127.0.0.1", "-p", str(self._port), "-t", "1"]
        while subprocess.run(
            [self._programs / ready[0], *ready[1:]], capture_output=True
        ).returncode:
            assert self._process.poll() is None, "the server ended at its start"

    def stop(self) -> None:
        """End it with all its connections at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(120)
        self._process = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tester@127.0.0.1:{self._port}/{database}"

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A database for as long as the block runs; its URL."""
        self.execute(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            if self._process is not None:
                self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs one statement outside of a transaction; returns its rows."""
        url = self.url(database).replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            user=self._account,
            cwd=self._folder,
            check=True,
            capture_output=True,
        )


@contextlib.contextmanager
def postgres_server(programs: Path) -> Iterator[PostgresServer]:
    """A running server, in a folder that its account reaches."""
    folder = Path(tempfile.mkdtemp(prefix="switchyard-postgres-"))
    folder.chmod(0o700)
    server = PostgresServer(programs, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> int:
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise RuntimeError("no account to run a server with")
