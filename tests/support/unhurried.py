"""A script for mitmdump: others get a minute where the router gives them a moment, so that what
they do within it does not depend on how busy the machine is."""

from switchyard.failover import lingering
from switchyard.failover import upstream_request

lingering.LINGER = lingering.LINGER_FOR_USAGE = 60.0
upstream_request.STALE_WITHIN = 60.0
