"""Sockets that a process is given."""

import os
import socket
from collections.abc import Iterator

import pytest

from switchyard.listener.inherited import SOCKETS
from switchyard.listener.inherited import InheritedSockets
from switchyard.listener.inherited import are_there


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def given(one: socket.socket) -> tuple[InheritedSockets, int]:
    sockets, copy = InheritedSockets(), os.dup(one.fileno())
    environ = {SOCKETS: f"{copy},999999", "OTHER": "x"}
    assert are_there(environ)
    sockets.read(environ)
    assert environ == {"OTHER": "x"}
    return sockets, one.getsockname()[1]


def test_one_is_taken_once_by_its_address(listening: socket.socket) -> None:
    sockets, port = given(listening)
    assert not sockets.take("127.0.0.1", port + 1) and not sockets.take("127.0.0.2", port)
    (taken,) = sockets.take("127.0.0.1", port)
    assert taken.getsockname() == listening.getsockname()
    assert not os.get_inheritable(taken.fileno())
    assert not sockets.take("127.0.0.1", port) and not sockets.drop()
    with socket.create_connection(("127.0.0.1", port)):
        taken.listen(1)
        taken.accept()[0].close()
    taken.close()


def test_any_port_of_the_host_will_do_where_none_is_named(listening: socket.socket) -> None:
    sockets, _ = given(listening)
    (taken,) = sockets.take("127.0.0.1", 0)
    taken.close()


def test_the_rest_is_closed(listening: socket.socket) -> None:
    sockets, port = given(listening)
    assert sockets.drop() == [f"127.0.0.1:{port}"] and not sockets.drop()


@pytest.mark.parametrize("environ", [{}, {SOCKETS: ""}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}])
def test_what_is_another_process_s_is_not_taken(environ: dict[str, str]) -> None:
    assert not are_there(environ)
    sockets = InheritedSockets()
    sockets.read(environ)
    assert not environ and not sockets.drop()
