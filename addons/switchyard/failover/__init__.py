"""Failover inside mitmproxy: the only code that touches mitmproxy's protocol layers.

mitmproxy sends a request once and forwards what comes back. Here a request can be sent again, to
another server, until an attempt is *committed*: its first output was seen. Up to that moment no
byte of an attempt reaches the client.

- `attempt.py`: what one attempt is, and what it asks of whoever reads its response.
- `hooks.py`: the two hooks in which addons decide (`attempt`, `attempt_ended`).
- `layer.py`: ids and deadlines of all streams of one client connection. Its connections to
  upstreams: `egress/connections.py`; those shared between clients: `egress/pool.py`.
- A stream, by what it inherits: `response_stream.py` has what its client is sent,
  `request_stream.py` how much is read of its request, and `stream.py` the state machine over its
  attempts, with its theory of operation.
- `upstream_request.py`: one attempt under way; `deadlines.py`: what it and the stream wait for.
- `fast_path.py`: the shorter road of chunks (docs/hot-path.md).
- `upgrade.py`: a stream that becomes a WebSocket, which is `protocols/websocket.py`.
- `holding.py`: which connections are not read for a while.
- `control.py`: what other addons see of all this; `pipeline/failover.py`: the addon that puts it in
  mitmproxy's place.

How an exchange runs:

    request hook -> attempt hook -> connect -> send -> head -> receiver.data ... -> committed
                        ^                |       |       |          |                  |
                        |                v       v       v          v                  v
                        +---- again --- attempt_ended hook     (failure)        receiver.data ...
                                         |                                             |
                                         v                                             v
                                  the response it gave                           response hook
"""
