"""The state of the devices as the remote has it: who they are, and which files belong to it.

A state is signed by the device that wrote it. Which devices may write is decided by those known
already: each device in a state has proofs, signatures over its card by devices that allowed it, so
that one that was away while others were allowed can follow. `serial` and `history` show whether a
state comes after another, so that an old one is not taken for news.
"""

import hashlib
import json
from collections.abc import Collection
from collections.abc import Mapping
from typing import Annotated
from typing import Literal

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import ValidationError

from switchyard.sync.device_keys import DeviceCard
from switchyard.sync.device_keys import DeviceKeys
from switchyard.sync.errors import Tampered

MOST_HISTORY = 500
"""Heads of earlier states that are kept; a device that missed more must be allowed again."""

_STATE_PREFIX = b"switchyard sync state 1\n"
_CARD_PREFIX = b"switchyard sync device 1\n"

type Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in hexadecimal."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class DeviceProof(_Part):
    """That a device allowed another."""

    by: str
    signature: str


class KnownDevice(_Part):
    """A device that may read and write."""

    name: str
    recipient: str
    verify: str
    proofs: tuple[DeviceProof, ...]

    @property
    def card(self) -> DeviceCard:
        return DeviceCard(self.name, self.recipient, self.verify)


class SyncState(_Part):
    """What belongs together on the remote."""

    version: Literal[1] = 1
    serial: Annotated[int, Field(ge=1)]
    """Grows by one with every push."""
    writer: str
    """The fingerprint of the device that signed it."""
    at: int
    """When it was written, in Unix seconds by that device's clock."""
    devices: dict[str, KnownDevice]
    removed: Annotated[tuple[str, ...], Field(max_length=MOST_HISTORY)] = ()
    """The fingerprints of devices that were removed, whoever allows them."""
    config: Digest
    secrets: Digest
    history: Annotated[tuple[Digest, ...], Field(max_length=MOST_HISTORY)] = ()
    """The heads of the states before it, latest first."""

    @property
    def head(self) -> str:
        """What names this state: its SHA-256."""
        return hashlib.sha256(_canonical(self)).hexdigest()


class _SignedState(_Part):
    state: SyncState
    signature: str


def allowed(
    card: DeviceCard, keys: DeviceKeys, proofs: tuple[DeviceProof, ...] = ()
) -> KnownDevice:
    """Return a device as one that this device allows, beside earlier `proofs`."""
    others = tuple(one for one in proofs if one.by != keys.card.id)
    proof = DeviceProof(by=keys.card.id, signature=keys.sign(_CARD_PREFIX + str(card).encode()))
    return KnownDevice(
        name=card.name,
        recipient=card.recipient,
        verify=card.verify,
        proofs=(*others, proof),
    )


def signed(state: SyncState, keys: DeviceKeys) -> bytes:
    """Return the file of a state."""
    whole = _SignedState(state=state, signature=keys.sign(_STATE_PREFIX + _canonical(state)))
    return json.dumps(whole.model_dump(), indent=1, sort_keys=True).encode() + b"\n"


def unverified(content: bytes) -> SyncState:
    """Return the state in a file, whoever wrote it. Raises Tampered for what is no state."""
    return _parsed(content).state


def verified(
    content: bytes, trusted: Mapping[str, DeviceCard | None], removed: Collection[str] = ()
) -> SyncState:
    """Return the state in a file, if a device wrote it that those trusted by their ids vouch for.

    A card is given for devices that the state need not list any more. What `removed` devices sign
    counts for nothing, though others vouched for them once. Raises Tampered.
    """
    whole = _parsed(content)
    state = whole.state
    for id, device in state.devices.items():
        if not device.card.is_valid() or device.card.id != id:
            raise Tampered("the state on the remote lists a device under a wrong fingerprint")
    known = {id: one for id, one in trusted.items() if one is not None}
    cards = {**known, **{id: one.card for id, one in state.devices.items()}}
    writer = state.devices.get(state.writer)
    if writer is None or state.writer not in _vouched(state, trusted, removed, cards):
        name = writer.name if writer else state.writer
        raise Tampered(
            f"the state on the remote is signed by {name!r}, which no known device allowed"
        )
    if not writer.card.has_signed(_STATE_PREFIX + _canonical(state), whole.signature):
        raise Tampered("the state on the remote does not fit its signature: it was changed")
    return state


def _vouched(
    state: SyncState,
    trusted: Collection[str],
    removed: Collection[str],
    cards: Mapping[str, DeviceCard],
) -> set[str]:
    """Return the trusted devices, those that they allowed, and those that these allowed."""
    vouched = {id for id in trusted if id not in removed}
    while True:
        found = {
            id
            for id, device in state.devices.items()
            if id not in vouched
            and id not in removed
            and any(
                proof.by in vouched and _is_proved(device.card, proof, cards.get(proof.by))
                for proof in device.proofs
            )
        }
        if not found:
            return vouched
        vouched |= found


def _is_proved(card: DeviceCard, proof: DeviceProof, by: DeviceCard | None) -> bool:
    message = _CARD_PREFIX + str(card).encode()
    return by is not None and by.has_signed(message, proof.signature)


def _parsed(content: bytes) -> _SignedState:
    try:
        return _SignedState.model_validate_json(content)
    except ValidationError:
        raise Tampered(
            "the state on the remote cannot be read: it was changed or cut off"
        ) from None


def _canonical(state: SyncState) -> bytes:
    """The bytes that are signed: JSON with sorted keys and without spaces."""
    return json.dumps(state.model_dump(), sort_keys=True, separators=(",", ":")).encode()
