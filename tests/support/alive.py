"""Loaded into a router's process by tests: what of its clients' connections is alive there.

`GET /alive` answers with the number of objects of each class, and turns the garbage collector off:
what is gone without it is in no cycle.
"""

import gc
import json
from collections import Counter

from mitmproxy import http
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.server import ConnectionHandler


class Alive:
    def request(self, flow: http.HTTPFlow) -> None:
        if flow.request.path == "/alive":
            if gc.isenabled():
                gc.disable()
                gc.collect()
            objects = gc.get_objects()
            found = [each for each in objects if isinstance(each, Layer | ConnectionHandler)]
            counts = Counter(type(each).__name__ for each in found)
            flow.response = http.Response.make(200, json.dumps(counts).encode())


addons = [Alive()]
