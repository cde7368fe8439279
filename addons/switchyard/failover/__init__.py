"""Failover inside mitmproxy: the only code that touches its protocol layers.

mitmproxy sends a request once and forwards its response. Here a request can be sent again, to
another server, until an attempt is *committed*: the router has seen its first output. Up to that
moment no byte of an attempt reaches the client.

- `attempt.py`: one attempt, and the protocol of the receiver that reads its response.
- `hooks.py`: the two hooks in which addons decide (`attempt`, `attempt_ended`).
- `layer.py`: ids and deadlines of all streams of one client connection. Its connections to
  upstreams: `egress/connections.py`; those shared between clients: `egress/pool.py`.
- A stream, by inheritance: `response_stream.py` sends the client's response, `request_stream.py`
  limits how much is read of its request, and `stream.py` is the state machine over its attempts,
  with its theory of operation.
- `upstream_request.py`: one running attempt; `deadlines.py`: the deadlines of both.
- `fast_path.py`: the shorter path of chunks (docs/hot-path.md).
- `upgrade.py`: a stream that becomes a WebSocket, which is `protocols/websocket.py`.
- `holding.py`: pauses reading from connections; `slow_clients.py`: what that does to deadlines.
- `control.py`: the interface for other addons; `pipeline/failover.py`: the addon that replaces
  mitmproxy's layers.

How an exchange runs:

    request hook -> attempt hook -> connect -> send -> head -> receiver.data ... -> committed
                        ^                |       |       |          |                  |
                        |                v       v       v          v                  v
                        +---- again --- attempt_ended hook     (failure)        receiver.data ...
                                         |                                             |
                                         v                                             v
                                  the answer it set                             response hook
"""
