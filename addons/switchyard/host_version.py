"""Says at the start that mitmproxy is later than the versions this router was tested with."""

import logging
import re
from typing import Final

from mitmproxy.version import VERSION

logger = logging.getLogger(__name__)

TESTED: Final = (12, 3)
"""The latest major and minor version tested; pyproject.toml allows none above."""


def warn_of_untested(version: str = VERSION) -> bool:
    """Log a warning where mitmproxy's version is later than the tested ones; return whether it is.

    The router relies on mitmproxy's internals (docs/decisions/0002-own-engine.md), which a minor
    version may change. An installation with `--no-deps` has any version.
    """
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) <= TESTED:
        return False
    tested = "{}.{}".format(*TESTED)
    above = f"{TESTED[0]}.{TESTED[1] + 1}"
    logger.warning(
        "switchyard: mitmproxy %s is later than %s, the latest tested; if requests fail,"
        " install 'mitmproxy<%s'",
        version,
        tested,
        above,
    )
    return True
