"""Failover inside mitmproxy: the only code that touches mitmproxy's protocol layers.

mitmproxy sends a request once and forwards what comes back. Here a request can be sent again, to
another server, until an attempt is *committed*: its first output was seen. Up to that moment no
byte of an attempt reaches the client.

- `attempt.py`: what one attempt is, and what it asks of whoever reads its answer.
- `hooks.py`: the two hooks in which addons decide (`attempt`, `attempt_ended`).
- `stream.py`: the state machine of one request over its attempts.
- `answering.py`: what its client is sent.
- `layer.py`: ids, deadlines and connections of all streams of one client connection.
- `straight.py`: the short way of the pieces of a stream that is under way.
- `websocket.py`: a client's connection that speaks WebSocket with us: its messages are requests.
- `pool.py`: idle connections to upstreams, shared between clients.
- `bounds.py`, `bounded.py`, `heads.py`, `http2_server.py`, `passed_sockets.py`: how much is read of
  a request, and kept for its client; `holding.py`: who is not read meanwhile.
- `deciding.py`: which connections are looked into, and when that is decided.
- `install.py`: the addon that puts these in mitmproxy's place.

How an exchange runs:

    request hook -> attempt hook -> connect -> send -> head -> receiver.data ... -> committed
                        ^                |       |       |          |                  |
                        |                v       v       v          v                  v
                        +---- again --- attempt_ended hook     (failure)        receiver.data ...
                                         |                                             |
                                         v                                             v
                                  the answer it gave                             response hook
"""
