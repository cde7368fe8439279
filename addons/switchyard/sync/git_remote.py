"""A remote in a git repository: a commit for each push, by the command git.

Nothing is checked out: objects are read and written in a bare repository of this device, so that no
hook, filter or attribute of anyone's has a part in it. A push that is no fast-forward is refused by
git, which is how of two pushes at once only one is taken.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import SyncError
from switchyard.sync.parcel import MOST_PARCEL_BYTES
from switchyard.sync.parcel import NotComplete
from switchyard.sync.parcel import Parcel
from switchyard.sync.parcel import Remote

FILES = ("state.json", "config.yaml", "secrets.age")
_SECONDS = 120
_USERINFO = re.compile(r"://[^@/\s]*@")
_BRANCH = "main"
"""The branch of a repository that has none yet."""


class GitRemote(Remote):
    """The remote in a folder of a repository's default branch, or of a branch that is named."""

    def __init__(self, url: str, folder: Path, within: str = "", device: str = "") -> None:
        """`folder` is for the objects, `within` names a folder in the repository."""
        self._url = url
        self._git = folder
        self._within = within.strip("/")
        self._device = device
        self._branch = ""

    def read(self) -> tuple[Parcel, str] | None:
        """See Remote. The mark is a commit; for a branch without our files too."""
        commit = self._fetched()
        if commit is None:
            return None
        contents = [self._content(commit, name) for name in FILES]
        if contents[0] is None:
            return None
        for name, content in zip(FILES, contents, strict=True):
            if content is None:
                raise NotComplete(name)
        state, config, secrets = (one for one in contents if one is not None)
        return Parcel(state, config, secrets), commit

    def write(self, parcel: Parcel, known: str | None) -> None:
        """See Remote. Raises RemoteChanged if anything was pushed to the branch since."""
        commit = self._fetched()
        if known is not None and commit != known:
            raise RemoteChanged
        if known is None and commit is not None and self._content(commit, FILES[0]) is not None:
            raise RemoteChanged
        tree = self._tree(commit, parcel)
        parent = ["-p", commit] if commit else []
        message = f"switchyard: push from {self._device}"
        new = self._run("commit-tree", tree, *parent, "-m", message).decode().strip()
        try:
            self._run("push", "--quiet", self._url, f"{new}:refs/heads/{self._branch}")
        except SyncError:
            if self._fetched() != commit:
                raise RemoteChanged from None
            raise

    def _fetched(self) -> str | None:
        """Fetch the branch; return its commit, None if there is none."""
        if not (self._git / "HEAD").exists():
            self._git.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._run("init", "--quiet", "--bare", ".")
        lines = self._run("ls-remote", "--symref", self._url, "HEAD").decode().splitlines()
        named = next((one.split()[1] for one in lines if one.startswith("ref: ")), "")
        self._branch = named.removeprefix("refs/heads/") or _BRANCH
        listed = self._run("ls-remote", "--heads", self._url, f"refs/heads/{self._branch}")
        if not listed.strip():
            return None
        self._run("fetch", "--quiet", "--no-tags", self._url, f"refs/heads/{self._branch}")
        return self._run("rev-parse", "FETCH_HEAD").decode().strip()

    def _content(self, commit: str, name: str) -> bytes | None:
        place = f"{commit}:{self._path(name)}"
        try:
            size = int(self._run("cat-file", "-s", place))
        except SyncError:
            return None
        if size > MOST_PARCEL_BYTES:
            raise SyncError(f"{name} in the repository is larger than {MOST_PARCEL_BYTES:,} bytes")
        return self._run("cat-file", "blob", place)

    def _tree(self, commit: str | None, parcel: Parcel) -> str:
        """Write the tree of a commit with our files in it; return its name."""
        index = {"GIT_INDEX_FILE": str(self._git / "switchyard.index")}
        self._run("read-tree", *([commit] if commit else ["--empty"]), more=index)
        for name, content in zip(FILES, (parcel.state, parcel.config, parcel.secrets), strict=True):
            blob = self._run("hash-object", "-w", "--stdin", given=content).decode().strip()
            entry = f"100644,{blob},{self._path(name)}"
            self._run("update-index", "--add", "--cacheinfo", entry, more=index)
        return self._run("write-tree", more=index).decode().strip()

    def _path(self, name: str) -> str:
        return f"{self._within}/{name}" if self._within else name

    def _run(self, *words: str, given: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        """Run a command of git; return what it prints. Raises SyncError with its last line."""
        name = f"switchyard on {self._device}"
        settings = [
            *("-c", f"user.name={name}", "-c", "user.email=switchyard@localhost"),
            *("-c", "commit.gpgsign=false", "-c", f"core.hooksPath={os.devnull}"),
            *("-c", f"init.defaultBranch={_BRANCH}", "-c", "gc.auto=0"),
        ]
        # An interrupted command or another repository around this one must not be meant.
        environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        kept = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_SSL_CAINFO")
        environ |= {key: os.environ[key] for key in kept if key in os.environ}
        environ |= {"GIT_TERMINAL_PROMPT": "0", "GIT_DIR": str(self._git), "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["git", *settings, *words],
                input=given,
                capture_output=True,
                cwd=self._git,
                env={**environ, **(more or {})},
                timeout=_SECONDS,
                check=False,
            )
        except OSError:
            raise SyncError("the command git is missing; install it, or use a folder") from None
        except subprocess.TimeoutExpired:
            raise SyncError(f"git {words[0]} did not end within {_SECONDS} s") from None
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason"]
            reason = _USERINFO.sub("://***@", lines[0])[:200]
            raise SyncError(f"git {words[0]} failed: {reason}")
        return done.stdout
