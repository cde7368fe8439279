"""Drives a failover layer without sockets: bytes and outcomes in, commands out.

The layer is sans-io, so a test can be a conversation: what the client sends, what each server does,
what the addons decide, when time passes; and afterwards what went to whom.
"""

from collections import Counter
from collections import defaultdict
from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from typing import Optional

from mitmproxy import connection
from mitmproxy import http
from mitmproxy import options
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode

from switchyard.config.limits import Limits
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.failover.attempt import Heart
from switchyard.failover.attempt import Timeouts
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.stream import FailoverStream
from switchyard.listener.bounds import ClientBounds
from switchyard.listener.bounds import plainly
from switchyard.protocols.http1 import QuickHttp1Server


class Lines:
    """A receiver for tests: it commits at the first whole line, fails on `bad` and on a status of
    400 or more, and is done at a line `end`."""

    whole = False
    resumable = False
    enough = False
    verbatim = False
    progress = 0

    def __init__(self) -> None:
        self.committed = self.failed = self.done = False
        self.status = 0
        self.held: bytes = b""
        self.cut: AttemptFailure | None = None

    @property
    def answered(self) -> bool:
        return self.done and self.committed and not self.failed

    def start(self, response: http.Response) -> None:
        self.status = response.status_code

    def data(self, data: bytes) -> bytes:
        self.held += data
        if self.status >= 400 or b"\n" not in self.held:
            return b""
        if b"bad" in self.held and not self.committed:
            self.failed = True
            return b""
        self.committed = True
        out, self.held = self.held, b""
        self.done = b"end" in out
        return out

    def skim(self, data: bytes) -> bytes | None:
        return None

    def end(self) -> bytes:
        self.failed = not self.committed
        return b""

    def broken(self, failure: AttemptFailure) -> bytes:
        self.failed, self.cut = True, failure
        return b"[broken]\n"

    def head(self) -> http.Response:
        response = http.Response.make(200, b"", {"content-type": "text/plain"})
        del response.headers["content-length"]
        return response


class Resumable(Lines):
    """One whose answer can be gone on with, once it broke off."""

    @property
    def resumable(self) -> bool:
        return self.failed and self.committed

    def broken(self, failure: AttemptFailure) -> bytes:
        super().broken(failure)
        return b""

    def closing(self) -> bytes:
        return b"[closed]\n"


class Satisfied(Lines):
    """One that ends the answer by itself at a line `enough`."""

    def data(self, data: bytes) -> bytes:
        out = super().data(data)
        self.enough = b"enough" in out
        return out

    def end(self) -> bytes:
        return b"[ended]\n"


class Whole(Lines):
    """A receiver whose answer is one body, given at the end."""

    whole = True

    def data(self, data: bytes) -> bytes:
        self.held += data
        return b""

    def end(self) -> bytes:
        self.committed = self.status < 400 and bool(self.held)
        self.failed = not self.committed
        return b""

    def head(self) -> http.Response:
        return http.Response.make(200, self.held.upper(), {"content-type": "text/plain"})


class Beats:
    """A heart for tests."""

    after = 10.0
    every = 3.0
    beat = b"[beat]\n"

    def head(self) -> http.Response:
        return Lines().head()

    def closing(self, answer: http.Response) -> bytes:
        return b"[closing " + (answer.content or b"") + b"]\n"


class Held:
    """Who is held back, and who does not take what was sent."""

    def __init__(self) -> None:
        self.held: Counter[connection.Connection] = Counter()
        self.full: set[connection.Connection] = set()
        self.until = 0.0
        """Until when nothing was read from upstreams."""

    def hold(self, one: connection.Connection) -> None:
        self.held[one] += 1

    def release(self, one: connection.Connection) -> None:
        self.held[one] -= 1

    def congested(self, one: connection.Connection) -> bool:
        return one in self.full

    def held_until(self, one: connection.Connection) -> float:
        return self.until


class Driver:
    """One client connection. `plan` lists the ports of the attempts, in order."""

    def __init__(
        self,
        plan: list[int],
        receiver: Callable[[], Any] = Lines,
        timeouts: Timeouts | None = None,
        limits: Mapping[str, object] = MappingProxyType({}),
        alpn: bytes | None = None,
    ) -> None:
        self._events: deque[events.Event] = deque()
        self.plan = plan
        self.receiver = receiver
        self.timeouts = timeouts or Timeouts()
        self.heart: Heart | None = None
        self.hooks: list[str] = []
        self.attempts: list[Attempt] = []
        self.failures: list[AttemptFailure] = []
        self.on_hook: Callable[[commands.StartHook], None] = lambda hook: None
        self.refused: set[int] = set()
        self.hold_connects = False
        self.held_connects: list[commands.OpenConnection] = []
        self.servers: list[connection.Server] = []
        self.sent: defaultdict[connection.Connection, bytearray] = defaultdict(bytearray)
        self.closed: list[connection.Connection] = []
        self.half_closed: list[connection.Connection] = []
        """Those towards which nothing more is written, but which are still read."""
        self.timers: list[commands.RequestWakeup] = []
        self.flow: http.HTTPFlow | None = None
        self.routed: set[str] = set()
        self.own: set[str] = set()
        self.client = connection.Client(
            peername=("127.0.0.1", 50000),
            sockname=("127.0.0.1", 8787),
            timestamp_start=0,
            proxy_mode=ProxyMode.parse("regular"),
            state=ConnectionState.OPEN,
        )
        self.client.alpn = alpn
        self.layer = HttpLayer(Context(self.client, _options()), HTTPMode.regular)
        made = Limits.model_validate(limits)
        bounds = ClientBounds(lambda: made, plainly)
        bounds.open(self.client)
        share = bounds.share_of(self.client)
        self.holding = share.holding = Held()
        FailoverLayer.adopt(
            self.layer,
            FailoverStream,
            self.routed,
            self.own,
            {},
            may_forward=lambda flow: False,
            share=share,
        )
        assert isinstance(self.layer, FailoverLayer)
        self.feed(events.Start())

    def request(self, body: bytes = b"body") -> "Driver":
        head = b"POST /v1/x HTTP/1.1\r\nhost: us\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.feed(events.DataReceived(self.client, head + body))
        return self

    def says(self, data: bytes, server: int = -1) -> "Driver":
        """A server sends bytes."""
        self.feed(events.DataReceived(self.servers[server], data))
        return self

    def closes(self, server: int = -1) -> "Driver":
        """A server closes its connection."""
        self._close(self.servers[server])
        return self

    def hangs_up(self) -> "Driver":
        """The client closes its connection."""
        self.client.state &= ~ConnectionState.CAN_READ
        self.feed(events.ConnectionClosed(self.client))
        return self

    def finish_connect(self, error: str | None = None) -> "Driver":
        self._connected(self.held_connects.pop(0), error)
        return self

    def wake(self) -> "Driver":
        """Every timer that was asked for fires."""
        timers, self.timers = self.timers, []
        for timer in timers:
            self.feed(events.Wakeup(timer))
        return self

    @property
    def held(self) -> int:
        """Bytes of the client's that are kept."""
        assert isinstance(self.layer, FailoverLayer)
        client = self.layer.connections[self.client]
        assert isinstance(client, QuickHttp1Server)
        bodies = sum(len(each.request_body_buf) for each in self.layer.streams.values())
        return len(client.buf) + bodies

    @staticmethod
    def refusing(hook: commands.StartHook) -> None:
        """For `on_hook`: answers every request on its head."""
        if hook.name == "requestheaders":
            hook.args()[0].response = http.Response.make(401, b"no")

    @property
    def answer(self) -> bytes:
        """All that the client was sent."""
        return bytes(self.sent[self.client])

    def feed(self, event: events.Event) -> None:
        """Handle an event, and then all that follow from it: as in mitmproxy's server, the reply
        to a command never arrives while the event that caused it is still being handled."""
        self._events.append(event)
        if len(self._events) > 1:
            return
        while self._events:
            for command in self.layer.handle_event(self._events[0]):
                self._run(command)
            self._events.popleft()

    def _run(self, command: commands.Command) -> None:
        if isinstance(command, commands.StartHook):
            self._hook(command)
        elif isinstance(command, commands.OpenConnection):
            self.servers.append(command.connection)
            if self.hold_connects:
                self.held_connects.append(command)
            else:
                address = command.connection.address
                refused = address is not None and address[1] in self.refused
                self._connected(command, "refused" if refused else None)
        elif isinstance(command, commands.SendData):
            self.sent[command.connection] += command.data
        elif isinstance(command, commands.CloseTcpConnection) and command.half_close:
            self.half_closed.append(command.connection)
        elif isinstance(command, commands.CloseConnection):
            self.closed.append(command.connection)
            held = [c for c in self.held_connects if c.connection is command.connection]
            if held:
                self.held_connects.remove(held[0])
                self._connected(held[0], "connection cancelled")
            elif command.connection is not self.client:
                self._close(command.connection)
        elif isinstance(command, commands.RequestWakeup):
            self.timers.append(command)

    def _connected(self, command: commands.OpenConnection, error: str | None) -> None:
        if error:
            command.connection.error = error
        else:
            command.connection.state = ConnectionState.OPEN
        self.feed(events.OpenConnectionCompleted(command, error))

    def _close(self, server: connection.Connection) -> None:
        if server.state is not ConnectionState.CLOSED or server.timestamp_end is None:
            server.state = ConnectionState.CLOSED
            server.timestamp_end = 1.0
            self.feed(events.ConnectionClosed(server))

    def _hook(self, hook: commands.StartHook) -> None:
        self.hooks.append(hook.name)
        self.on_hook(hook)
        subject = hook.args()[0]
        if hook.name == "requestheaders":
            self.flow = subject
        elif hook.name == "request":
            self.routed.add(subject.id)
        elif hook.name == "attempt":
            self._decide(subject)
        elif hook.name == "attempt_ended" and not subject.lost:
            assert subject.failure
            self.failures.append(subject.failure)
            subject.again = True
        if hook.blocking:
            self.feed(events.HookCompleted(hook))

    def _decide(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        attempt.heart = self.heart
        if attempt.wait is not None:
            return
        if not self.plan:
            attempt.answer = http.Response.make(503, b"all out")
            return
        port = self.plan.pop(0)
        attempt.request = http.Request.make("POST", f"http://127.0.0.1:{port}/up", b"upstream body")
        attempt.receiver = self.receiver()
        attempt.timeouts = self.timeouts


def _options() -> options.Options:
    """mitmproxy's options as its own addons would have declared them."""
    opts = options.Options()
    opts.add_option("store_streamed_bodies", bool, False, "")
    for name, value in {
        "connection_strategy": "lazy",
        "keep_host_header": False,
        "validate_inbound_headers": True,
        "websocket": True,
        "rawtcp": True,
        "http2": True,
        "http2_ping_keepalive": 0,
    }.items():
        if name not in opts:
            opts.add_option(name, type(value), value, "")
    for name in ("stream_large_bodies", "body_size_limit"):
        if name not in opts:
            opts.add_option(name, Optional[str], None, "")  # noqa: UP045 (mitmproxy knows this form)
    return opts
