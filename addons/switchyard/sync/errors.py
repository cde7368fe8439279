"""The errors of devices in step. Their texts give cause and remedy, and hold no secret."""


class SyncError(Exception):
    """Something cannot be done; nothing was changed by what raised it."""


class RemoteChanged(SyncError):
    """Another device wrote to the remote since it was read."""

    def __init__(self) -> None:
        super().__init__("another device has pushed meanwhile; pull, then try again")


class UnfitStorage(SyncError):
    """A storage cannot keep two devices from overwriting each other."""


class Tampered(SyncError):
    """What the remote holds was not written by a known device, or not in this form."""
