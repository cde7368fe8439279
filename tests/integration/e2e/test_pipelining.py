"""Many requests in one piece, of which all but the first wait for their turn."""

import asyncio

from tests.integration.e2e.stage import Stage

REQUESTS = 2000


async def test_a_thousand_requests_in_one_piece_are_answered_in_turn(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.router.port)
    ask = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n"
    asked = [ask % (stage.router.port, b"")] * (REQUESTS - 1)
    writer.write(b"".join([*asked, ask % (stage.router.port, b"Connection: close\r\n")]))
    answers = await asyncio.wait_for(reader.read(-1), 60)
    writer.close()
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == REQUESTS
