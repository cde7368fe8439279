"""Parcels of one device, for tests of remotes."""

from pathlib import Path

from switchyard.sync.device_keys import load_keys
from switchyard.sync.device_keys import make_keys
from switchyard.sync.parcel import Parcel
from switchyard.sync.parcel import digest_of
from switchyard.sync.signed_state import SyncState
from switchyard.sync.signed_state import allowed
from switchyard.sync.signed_state import signed


class Parcels:
    """Makes parcels, each with contents of its own."""

    def __init__(self, folder: Path) -> None:
        make_keys(folder, "laptop")
        self._keys = load_keys(folder, "laptop")

    def make(self, number: int) -> Parcel:
        config, secrets = b"config %d\n" % number, b"secrets %d\n" % number
        card = self._keys.card
        state = SyncState(
            serial=number,
            writer=card.id,
            at=number,
            devices={card.id: allowed(card, self._keys)},
            config=digest_of(config),
            secrets=digest_of(secrets),
        )
        return Parcel(signed(state, self._keys), config, secrets)
