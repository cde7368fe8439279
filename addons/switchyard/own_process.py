"""Sets file modes of the router's process."""

import logging
import os
import stat
from pathlib import Path
from typing import Any

from mitmproxy import ctx

logger = logging.getLogger(__name__)

_OWNER_ALONE = 0o077
_READ_BY_OTHERS = 0o044


def keep_traffic_private() -> None:
    """Make all new files the owner's alone: dumps, HAR files, exports, TLS keys.

    Called when the certificate authority has been made, which others may read. A dump file that
    mitmproxy has opened by then is made anew; one that is appended to keeps its owner's mode.
    """
    os.umask(_OWNER_ALONE)
    save = ctx.master.addons.get("save")
    stream = getattr(save, "stream", None)
    if save is not None and stream is not None:
        _make_private(Path(stream.fo.name), save)
    har = ctx.options.hardump if "hardump" in ctx.options else ""
    if har and har != "-":
        _make_private(Path(har).expanduser())


def _make_private(file: Path, save: Any = None) -> None:
    """`save` is the add-on that has the file open, if it is."""
    try:
        about = file.stat()
        if not stat.S_ISREG(about.st_mode) or not about.st_mode & _OWNER_ALONE:
            return
        if save is None:
            file.chmod(about.st_mode & ~_OWNER_ALONE)
        elif not about.st_size:
            # Anew: whoever has opened the old one reads nothing of the new one.
            file.resolve().unlink()
            save.current_path = None
            save.maybe_rotate_to_new_file()
        elif about.st_mode & _READ_BY_OTHERS:
            logger.warning(
                "switchyard: other users can read the traffic in %s; run chmod 600 on it", file
            )
    except FileNotFoundError:
        pass  # made later, for the owner alone
    except OSError as e:
        logger.warning("switchyard: other users may be able to read %s: %s", file, e.strerror)
