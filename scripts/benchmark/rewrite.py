"""The addon of the bare mitmdump that Switchyard is compared with: it changes one JSON member."""

import json

from mitmproxy import http


def request(flow: http.HTTPFlow) -> None:
    body = json.loads(flow.request.content or b"{}")
    body["model"] = "m"
    flow.request.content = json.dumps(body).encode()


def responseheaders(flow: http.HTTPFlow) -> None:
    assert flow.response
    if "event-stream" in flow.response.headers.get("content-type", ""):
        flow.response.stream = True
