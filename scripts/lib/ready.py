"""Says by its exit status whether an environment holds a lock file as it stands now: 0 if it does.

    ready.py ENVIRONMENT LOCK

The environment's own Python runs this, without `site`, at each start: it imports nothing that takes
long, such as json. A stamp that it cannot read as it is written means no; `environment.py`, which
writes the stamp, then looks closely.
"""

import hashlib
import os
import sys
import sysconfig


def is_ready(environment: str, lock: str) -> bool:
    """Whether the stamp in `environment` is that of this Python, and of what the file `lock` says.

    Raises OSError where there is no such file or stamp.
    """
    identity = f"{environment} {sys.implementation.cache_tag} {sysconfig.get_platform()}"
    with open(lock, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    with open(os.path.join(environment, "switchyard.json"), encoding="utf-8") as file:
        stamp = file.read()
    return (
        f'"identity": "{identity}"' in stamp and f'"{os.path.basename(lock)}": "{digest}"' in stamp
    )


if __name__ == "__main__":
    try:
        sys.exit(not is_ready(*sys.argv[1:]))
    except OSError:
        sys.exit(1)
