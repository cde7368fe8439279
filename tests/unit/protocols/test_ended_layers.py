"""Layers of connections that are over are in no cycle."""

import gc
from collections.abc import Iterator
from typing import Any
from weakref import ref

import pytest
from mitmproxy import options
from mitmproxy.connection import Client
from mitmproxy.connection import ConnectionState
from mitmproxy.connection import Server
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import Http1Client
from mitmproxy.proxy.layers.http import HttpClient
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import HttpStream

from switchyard.protocols.driver import DrivenLayer
from switchyard.protocols.ended_layers import free
from switchyard.protocols.ended_layers import layers_of_upstream
from switchyard.protocols.ended_layers import layers_within


@pytest.fixture
def context() -> Context:
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=0.0)
    return Context(client, options.Options())


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def upstream_stack(context: Context) -> tuple[Server, HttpClient]:
    """The layers of one connection to an upstream, as mitmproxy makes them."""
    within = context.fork()
    within.server = Server(address=("127.0.0.1", 3))
    stack = HttpClient(within)
    stack.child_layer = Http1Client(within)
    stack._handle_event = stack.child_layer.handle_event  # type: ignore[method-assign]
    return within.server, stack


def client_layers(context: Context) -> tuple[modes.HttpProxy, DrivenLayer]:
    """Those of one client's connection, which hand events to each other by their methods."""
    top = modes.HttpProxy(context)
    next_layer = NextLayer(context)
    top._handle_event = next_layer.handle_event  # type: ignore[method-assign]
    http = DrivenLayer(context, HTTPMode.regular)
    next_layer.layer = http
    next_layer._handle_event = http.handle_event  # type: ignore[method-assign]
    http.streams[1] = HttpStream(context.fork(), 1)
    return top, http


def test_all_layers_are_found(context: Context) -> None:
    top, http = client_layers(context)
    server, stack = upstream_stack(context)
    http.connections[server] = stack
    found = layers_within(top)
    assert set(found) >= {top, http, http.streams[1], stack, stack.child_layer}
    assert len(found) == len(set(found))


def test_an_open_connection_is_left_alone(context: Context) -> None:
    top, http = client_layers(context)
    server, stack = upstream_stack(context)
    server.state = ConnectionState.OPEN
    http.connections[server] = stack
    free(layers_within(top))
    assert stack.context.layers[-2:] == [stack, stack.child_layer]
    assert stack.child_layer is not None


@pytest.mark.usefixtures("without_collector")
def test_freed_layers_go_without_the_collector(context: Context) -> None:
    top, http = client_layers(context)
    server, stack = upstream_stack(context)
    http.connections[server] = stack
    kept: list[ref[Any]] = [ref(each) for each in layers_within(top)]
    free(layers_within(top))
    del top, http, stack
    assert [each() for each in kept] == [None] * len(kept)


@pytest.mark.usefixtures("without_collector")
def test_the_layers_of_one_upstream_go_and_no_others(context: Context) -> None:
    top, http = client_layers(context)
    _, stack = upstream_stack(context)
    kept = [ref(each) for each in layers_of_upstream(stack)]
    assert len(kept) == 2
    free(layers_of_upstream(stack))
    del stack
    assert [each() for each in kept] == [None, None]
    assert context.layers == [top, http] and layers_within(top)[-1] is not top


def test_a_stream_in_the_place_of_an_upstream_belongs_to_its_client(context: Context) -> None:
    assert layers_of_upstream(HttpStream(context, 1)) == []


def test_what_was_freed_takes_no_event(context: Context) -> None:
    top, _ = client_layers(context)
    free(layers_within(top))
    assert list(top.handle_event(events.DataReceived(context.client, b"x"))) == []


def test_freed_twice_is_freed(context: Context) -> None:
    top, _ = client_layers(context)
    free(layers_within(top))
    free(layers_within(top))
    assert layers_within(top) == [top]
    assert layers_of_upstream(top) == []
