"""When the garbage collector looks for cycles, and in how much at once."""

import gc

_THRESHOLDS = 1000, 3, 70
"""New objects until the collector looks through them, and how often that until it looks through
all since the last time, and so on. Every stream stands still meanwhile: 1 ms for 2,000 objects on a
slow machine. Python's own thresholds (3.13: 2000, 10, 10) make some 20 ms of the second step while
many streams begin. The third step comes as seldom as by those."""

_MUCH = 10
"""Second steps that leave enough behind for a third one, where nobody has to wait for it."""


def begin_loading() -> None:
    """Collect nothing until `settle`: imports leave next to nothing to collect."""
    gc.disable()


def settle() -> None:
    """Collect from now on, and leave alone what is there.

    Looking through all of it takes 40 to 90 ms each time, in which every stream stands still. Some
    3,000 objects of 190,000 that imports left behind stay for that.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()


def tidy() -> None:
    """Collect everything while no client is connected, if there is enough to collect.

    What layers leave in cycles is freed with them (`protocols/ended_layers.py`); reading a TLS
    client's greeting leaves some 90 objects.
    """
    if gc.get_count()[2] >= _MUCH:
        gc.collect()
