"""The HTTP/2 side of an upstream: streams side by side, each playing its own behaviour."""

import asyncio
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

from tests.support.playing import Over
from tests.support.playing import Player
from tests.support.steps import Fields
from tests.support.steps import GoAway
from tests.support.steps import Head

if TYPE_CHECKING:
    from tests.support.connection import Connection

_OF_HTTP1 = {"connection", "transfer-encoding", "keep-alive"}


class _Incoming:
    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self.pseudo = {name: value for name, value in fields if name.startswith(":")}
        self.headers = [(name, value) for name, value in fields if not name.startswith(":")]
        self.body = bytearray()


class Http2:
    """Serves one connection."""

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self.window = asyncio.Event()
        self._incoming: dict[int, _Incoming] = {}
        self._players: dict[int, Http2Player] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        # Not by `update_settings`: the preface would take them back.
        self.h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 100,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20,
            },
        )

    def begin(self) -> None:
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.connection.write(self.h2.data_to_send())

    def lost(self) -> None:
        for player in self._players.values():
            player.lost.set()
        self.window.set()

    def received(self, data: bytes) -> None:
        try:
            happened = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.connection.close()
            return
        for event in happened:
            self._take(event)
        self.flush()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=stream, headers=fields):
                self._incoming[stream] = _Incoming([(str(n), str(v)) for n, v in fields])
            case h2.events.DataReceived(stream_id=stream, data=data, flow_controlled_length=size):
                self._incoming[stream].body += data
                self.h2.acknowledge_received_data(size, stream)
            case h2.events.StreamEnded(stream_id=stream):
                self._begin(stream)
            case h2.events.StreamReset(stream_id=stream) if stream in self._players:
                self._players[stream].lost.set()
                self.window.set()
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self.window.set()

    def _begin(self, stream: int) -> None:
        incoming = self._incoming.pop(stream)
        pseudo = incoming.pseudo
        player = self._players[stream] = Http2Player(self, stream, pseudo[":method"] == "HEAD")
        headers = [("host", pseudo.get(":authority", "")), *incoming.headers]
        answering = self.connection.upstream.answer(
            self.connection,
            pseudo[":method"],
            pseudo[":path"],
            headers,
            bytes(incoming.body),
            "HTTP/2",
            player,
        )
        task = asyncio.get_running_loop().create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Http2Player(Player):
    """One answer on one stream."""

    def __init__(self, http2: Http2, stream: int, to_head: bool) -> None:
        super().__init__()
        self._http2 = http2
        self._stream = stream
        self._to_head = to_head

    def head(self, head: Head) -> None:
        fields = [(name, value) for name, value in head.headers if name not in _OF_HTTP1]
        self._say(
            lambda h2: h2.send_headers(self._stream, [(":status", str(head.status)), *fields])
        )

    async def data(self, data: bytes) -> None:
        h2_, window = self._http2.h2, self._http2.window
        while data and not self._to_head:
            try:
                size = min(
                    len(data),
                    h2_.local_flow_control_window(self._stream),
                    h2_.max_outbound_frame_size,
                )
            except h2.exceptions.ProtocolError:
                raise Over from None
            if size > 0:
                self._say(lambda h2, now=data[:size]: h2.send_data(self._stream, now))
                data = data[size:]
            else:
                window.clear()
                await window.wait()
                if self.lost.is_set():
                    raise Over

    def raw(self, data: bytes) -> None:
        self._http2.connection.write(data)

    def end(self, trailers: Fields) -> None:
        if trailers:
            self._say(lambda h2: h2.send_headers(self._stream, list(trailers), end_stream=True))
        else:
            self._say(lambda h2: h2.end_stream(self._stream))

    def cut(self) -> None:
        self._http2.connection.close()

    def reset(self) -> None:
        self._http2.connection.reset()

    def reset_stream(self, code: int) -> None:
        self._say(lambda h2: h2.reset_stream(self._stream, code))

    def go_away(self, step: GoAway) -> None:
        last = self._stream if step.processed else 0
        if step.stays:
            # h2 itself would send nothing more.
            self.raw(GoAwayFrame(last_stream_id=last, error_code=step.code).serialize())
            return
        self._say(lambda h2: h2.close_connection(step.code, last_stream_id=last))
        self._http2.connection.close()

    def _say(self, what) -> None:
        """Sends frames; a stream or connection that is closed already ends the play."""
        try:
            what(self._http2.h2)
        except h2.exceptions.ProtocolError:
            raise Over from None
        self._http2.flush()
