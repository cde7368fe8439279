"""When the garbage collector looks through what the router is made of: once, after its start."""

import gc


def begin_loading() -> None:
    """Collect nothing until `settle`: imports leave next to nothing to collect."""
    gc.disable()


def settle() -> None:
    """Collect from now on, and leave alone what is there.

    Looking through all of it again takes 90 ms each time, in which every stream stands still.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
