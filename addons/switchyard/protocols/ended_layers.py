"""Frees the layers of connections that are over.

mitmproxy's layers keep their states as methods bound to themselves, and their context keeps the
layers that keep it. Such cycles stay until the garbage collector comes by, 40 objects for each
connection, and what is allocated meanwhile lies between them.
"""

from collections.abc import Iterable
from types import MethodType

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http import HttpStream

from switchyard.protocols.driver import DrivenLayer


def layers_within(outermost: Layer | None) -> list[Layer]:
    """Returns a layer, if there is one, and all that it hands events to.

    Those of open connections are left out: a connection that is open when its client is gone may
    serve another one.
    """
    found: dict[Layer, None] = {}
    todo = [outermost] if outermost is not None else []
    while todo:
        layer = todo.pop()
        if layer in found:
            continue
        found[layer] = None
        todo += [each for each in map(_layer_of, vars(layer).values()) if each is not None]
        if isinstance(layer, HttpLayer):
            todo += layer.streams.values()
            for connection, stack in layer.connections.items():
                if connection.state is ConnectionState.CLOSED:
                    todo.append(stack)
    return list(found)


def layers_of_upstream(stack: Layer) -> list[Layer]:
    """Returns the layers of one connection to an upstream, of which `stack` is the outermost.

    Empty for a stream in the place of such layers, which belongs to its client.
    """
    layers = stack.context.layers
    if isinstance(stack, HttpStream) or stack not in layers:
        return []
    return layers[layers.index(stack) :]


def free(layers: Iterable[Layer]) -> None:
    """Breaks the cycles that layers are in. An event that comes to one of them has no effect."""
    for layer in layers:
        members = vars(layer)
        for name, value in members.items():
            if type(value) is MethodType:
                members[name] = _take_nothing
            elif isinstance(value, Layer):
                members[name] = None
        members["handle_event"] = _take_nothing
        if isinstance(layer, DrivenLayer):
            layer.let_go()
        layer.context.layers.clear()


def _layer_of(value: object) -> Layer | None:
    """Returns the layer that a member of another one is, or that it is a method of."""
    owner = value.__self__ if type(value) is MethodType else value
    return owner if isinstance(owner, Layer) else None


def _take_nothing(*_: object) -> CommandGenerator[None]:
    """Stands for a layer's handler of events."""
    yield from ()
