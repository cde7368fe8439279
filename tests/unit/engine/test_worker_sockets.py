"""The sockets of workers."""

import socket

import pytest

from switchyard.engine.worker_sockets import WorkerSockets
from switchyard.listener.inherited import Listening
from tests.support.ports import free_port


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="workers need SO_REUSEPORT")
def test_a_worker_that_died_leaves_the_port_to_the_others() -> None:
    port = free_port()
    sockets = WorkerSockets("127.0.0.1", port, 2)
    (first,), (second,) = sockets.of(1), sockets.of(2)
    assert first != second and not connects(port), "nobody listens yet"
    for handle in (first, second):
        listening = Listening(fileno=handle)
        listening.listen()
        listening.detach()
    assert connects(port)
    sockets.rest(1)
    assert all(connects(port) for _ in range(20))
    sockets.rest(2)
    assert not connects(port)
    sockets.close()


def test_an_address_that_no_machine_has_is_an_error() -> None:
    with pytest.raises(OSError):
        WorkerSockets("192.0.2.1", free_port(), 1)
