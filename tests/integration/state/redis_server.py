"""A real redis-server for tests, on a Unix socket of its own.

The client is imported late, since the package is optional.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """Starts and stops a server; what it keeps is in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        import redis.asyncio
        from redis.exceptions import RedisError

        assert PROGRAM
        common = ("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder))
        command = [PROGRAM, *common, "--save", "", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.asyncio.Redis.from_url(self.url)
        async with asyncio.timeout(120):
            while True:
                try:
                    await client.ping()
                    break
                except (RedisError, OSError):
                    await asyncio.sleep(0.02)
        await client.aclose()

    async def command(self, *words: str | int) -> object:
        """Carry out a command as an operator would."""
        import redis.asyncio

        client = redis.asyncio.Redis.from_url(self.url, decode_responses=True)
        try:
            return await client.execute_command(*words)
        finally:
            await client.aclose()

    def stop(self) -> None:
        """Have it stand still, without closing any connection."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on after `stop`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once; it saves nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)
