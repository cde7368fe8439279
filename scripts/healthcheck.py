"""Asks the router on this machine whether it is well; the exit status is the answer.

For the health check of a container. Reads SWITCHYARD_PORT, PORT, SWITCHYARD_HOST and HOST as the
router does, and uses the standard library alone.
"""

import http.client
import os
import sys
from collections.abc import Mapping

TIMEOUT = 4.0
EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def is_well(environ: Mapping[str, str]) -> bool:
    """Whether GET /health answers 200 at the address that the environment names."""
    host = environ.get("SWITCHYARD_HOST") or environ.get("HOST") or "127.0.0.1"
    port = int(environ.get("SWITCHYARD_PORT") or environ.get("PORT") or 8787)
    # http.client, unlike urllib, heeds no HTTP_PROXY.
    connection = http.client.HTTPConnection(EVERY_ADDRESS.get(host, host), port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer on port {port}: {error}", file=sys.stderr)
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_well(os.environ) else 1)
