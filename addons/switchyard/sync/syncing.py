"""Pulls and pushes: brings the configuration of this device in step with a remote."""

import time
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

from switchyard.config.editing.masking import secrets_of_comments
from switchyard.config.editing.pieces import read_plain
from switchyard.config.problems import dotted
from switchyard.config.sealed_secrets import SealedError
from switchyard.config.sealed_secrets import opened
from switchyard.config.sealed_secrets import sealed
from switchyard.sync.config_place import ConfigPlace
from switchyard.sync.config_place import LocalCopy
from switchyard.sync.config_place import SyncCopy
from switchyard.sync.device_folder import DeviceFolder
from switchyard.sync.device_folder import SyncLink
from switchyard.sync.device_keys import DeviceCard
from switchyard.sync.device_keys import DeviceKeys
from switchyard.sync.errors import SyncError
from switchyard.sync.errors import Tampered
from switchyard.sync.merging import Decide
from switchyard.sync.merging import KeyConflict
from switchyard.sync.merging import ThreeWay
from switchyard.sync.merging import changed_keys
from switchyard.sync.parcel import Parcel
from switchyard.sync.parcel import Remote
from switchyard.sync.parcel import check_files
from switchyard.sync.parcel import digest_of
from switchyard.sync.signed_state import MOST_HISTORY
from switchyard.sync.signed_state import KnownDevice
from switchyard.sync.signed_state import SyncState
from switchyard.sync.signed_state import signed
from switchyard.sync.signed_state import verified
from switchyard.sync.text_merging import merged_text

SECRETS_KEY = "secrets"
"""The first step of the paths of secrets in conflicts, where the rest is a name."""


class SyncConflicts(SyncError):
    """Keys that this device and others changed differently. Nothing was written."""

    def __init__(self, conflicts: Iterable[KeyConflict]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__("this device and another changed the same keys; nothing was written")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the remote has, verified and opened."""

    parcel: Parcel
    mark: str
    state: SyncState
    copy: SyncCopy

    @property
    def writer(self) -> str:
        """The name of the device that pushed it."""
        return self.state.devices[self.state.writer].name


@dataclass(frozen=True, slots=True)
class Comparison:
    """How this device stands to the remote."""

    local: LocalCopy
    fetched: Fetched | None
    own: tuple[str, ...]
    """What this device changed since the last pull or push: dotted paths and names of secrets."""
    theirs: tuple[str, ...]
    """What other devices changed."""
    conflicts: tuple[KeyConflict, ...]
    merged: SyncCopy


class DeviceSync:
    """One configuration on one device. Methods block; they raise SyncError and ConfigError."""

    def __init__(
        self, place: ConfigPlace, folder: DeviceFolder, keys: DeviceKeys, remote: Remote
    ) -> None:
        self.place = place
        self.folder = folder
        self.keys = keys
        self.remote = remote

    def fetch(self, link: SyncLink, trust: str = "") -> Fetched | None:
        """Return what the remote has; None if nothing was pushed yet.

        `trust` is the fingerprint of a device that is trusted before the first pull. Raises
        Tampered for everything that no known device wrote, and for a step back.
        """
        found = self.remote.read()
        if found is None:
            return None
        parcel, mark = found
        trusted: Mapping[str, DeviceCard | None] = {
            **{id: one.card for id, one in link.devices.items()},
            **({trust: None} if trust and not link.devices else {}),
        }
        if not trusted:
            raise SyncError(
                "this device trusts none of the others yet; read the fingerprint of one there "
                "(switchyard sync status) and pull --trust FINGERPRINT"
            )
        state = verified(parcel.state, trusted, link.removed)
        check_files(parcel, state)
        if state.head in link.ancestors:
            raise Tampered(
                f"the remote shows state {state.serial} again, but this device has seen "
                f"{link.serial}: it was set back. Restore it there, or push to a new place"
            )
        if self.keys.card.id not in state.devices:
            raise SyncError(
                "this device is not allowed yet, or was removed. Have it allowed by another; a "
                "removed one needs init --new-keys first"
            )
        return Fetched(parcel, mark, state, self._opened(parcel))

    def compare(self, decide: Decide = lambda _: "", trust: str = "") -> Comparison:
        """Return how this device stands to the remote. Writes nothing."""
        link = self.folder.link()
        fetched = self.fetch(link, trust)
        local = self.place.local()
        base = self._base(link, fetched.state if fetched else None)
        theirs = fetched.copy if fetched else base
        values = [_values(one) for one in (base, local.copy, theirs)]
        merge = ThreeWay(decide)
        merged = merge.merged(values[0], values[1], values[2])
        text = local.copy.text
        if not merge.conflicts:
            texts = (base.text, local.copy.text, theirs.text)
            text = merged_text(*texts, merged["configuration"])
        return Comparison(
            local=local,
            fetched=fetched,
            own=_paths(values[0], values[1]),
            theirs=_paths(values[0], values[2]),
            conflicts=tuple(_shortened(one) for one in merge.conflicts),
            merged=SyncCopy(text, merged[SECRETS_KEY]),
        )

    def pull(self, decide: Decide = lambda _: "", trust: str = "") -> Comparison:
        """Bring what other devices pushed to this one, merged with what it changed itself.

        Raises SyncConflicts for keys that both changed and `decide` leaves open, ConfigError if the
        merged configuration cannot be used here. Then nothing is written.
        """
        link = self.folder.link()
        compared = self.compare(decide, trust)
        fetched = compared.fetched
        if fetched is None:
            raise SyncError("nothing was pushed to the remote yet; run switchyard sync push")
        if fetched.state.head == link.head:
            return compared
        if compared.conflicts:
            raise SyncConflicts(compared.conflicts)
        self.place.check(compared.merged)
        devices, removed = self._devices(link, fetched.state)
        recipients = [one.recipient for one in devices.values()]
        self.place.write(compared.local, compared.merged, recipients)
        self.folder.keep(fetched.parcel)
        seen = (*fetched.state.history, link.head, *link.ancestors)
        self.folder.save(
            link.model_copy(
                update={
                    "head": fetched.state.head,
                    "serial": max(fetched.state.serial, link.serial),
                    "ancestors": _unique(seen, fetched.state.head),
                    "devices": devices,
                    "removed": removed,
                }
            )
        )
        return compared

    def push(self) -> Comparison | None:
        """Bring what this device has to the remote; return None if that is there already.

        Raises SyncError if the remote has what this device has not, ConfigError for a configuration
        that cannot be used.
        """
        link, fetched = self.up_to_date()
        compared = self.compare()
        self.place.check(compared.local.copy)
        recipients = [one.recipient for one in link.devices.values()]
        self.place.write(compared.local, compared.local.copy, recipients)
        same = compared.local.copy == fetched.copy and link.devices == fetched.state.devices
        if same:
            return None
        self.publish(compared.local.copy, link.devices, fetched)
        return compared

    def up_to_date(self) -> tuple[SyncLink, Fetched]:
        """Return the link and the remote's state. Raises SyncError if others have pushed since."""
        link = self.folder.link()
        fetched = self.fetch(link)
        if fetched is None:
            raise SyncError(
                "the remote is empty; run switchyard sync init ADDRESS to fill it again"
            )
        if fetched.state.head != link.head:
            raise SyncError(
                f"{fetched.writer} has pushed what this device has not; pull, then try again"
            )
        return link, fetched

    def publish(
        self,
        copy: SyncCopy,
        devices: Mapping[str, KnownDevice],
        known: Fetched | None,
        removed: tuple[str, ...] = (),
    ) -> None:
        """Write a copy for some devices as the state after the one that this device has.

        `removed` are further devices that are shut out.
        """
        if secrets_of_comments(copy.text):
            raise SyncError("a comment of the configuration holds a key; remove it")
        link = self.folder.link()
        config = copy.text.encode()
        secrets = sealed(copy.secrets, [one.recipient for one in devices.values()])
        history = _unique((link.head, *link.ancestors), "")
        state = SyncState(
            serial=link.serial + 1,
            writer=self.keys.card.id,
            at=int(time.time()),
            devices=dict(devices),
            removed=tuple(dict.fromkeys((*removed, *link.removed)))[:MOST_HISTORY],
            config=digest_of(config),
            secrets=digest_of(secrets),
            history=history,
        )
        parcel = Parcel(signed(state, self.keys), config, secrets)
        self.remote.write(parcel, known.mark if known else None)
        self.folder.keep(parcel)
        update = {
            "head": state.head,
            "serial": state.serial,
            "ancestors": history,
            "devices": state.devices,
            "removed": state.removed,
        }
        self.folder.save(link.model_copy(update=update))

    def _opened(self, parcel: Parcel) -> SyncCopy:
        try:
            secrets = opened(parcel.secrets, self.keys.identity)
        except SealedError as error:
            raise SyncError(f"secrets.age on the remote {error}") from None
        return SyncCopy(parcel.config.decode("utf-8", "replace"), secrets)

    def _base(self, link: SyncLink, state: SyncState | None) -> SyncCopy:
        """Return the latest copy that this device and the remote had in common."""
        if not link.head:
            return SyncCopy("", {})
        seen = (link.head, *link.ancestors)
        if state is None or state.head == link.head:
            common: str | None = link.head
        else:
            common = next((one for one in state.history if one in seen), None)
        if common is None:
            raise Tampered(
                "the remote belongs to other devices, or to much earlier states of these"
            )
        parcel = self.folder.base(common)
        if parcel is None:
            raise SyncError("this device was away for too long; remove its link and init it again")
        return self._opened(parcel)

    def _devices(
        self, link: SyncLink, state: SyncState
    ) -> tuple[dict[str, KnownDevice], tuple[str, ...]]:
        """Return who is trusted after a pull, and who is not: as the remote has it in most cases.

        Where two devices pushed at once to storage that cannot notice (a folder that is carried
        over), those that either of them removed are gone, and those that either allowed are there.
        """
        if not link.head or link.head in state.history:
            return state.devices, state.removed
        removed = tuple(dict.fromkeys((*state.removed, *link.removed)))
        both = {**link.devices, **state.devices}
        return {id: one for id, one in both.items() if id not in removed}, removed


def _values(copy: SyncCopy) -> dict[str, object]:
    plain = read_plain(copy.text) or {}
    return {"configuration": plain, SECRETS_KEY: copy.secrets}


def _paths(old: object, new: object) -> tuple[str, ...]:
    return tuple(dotted(_short(path)) for path in changed_keys(old, new))


def _short(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return path[1:] if path[:1] == ("configuration",) else path


def _shortened(conflict: KeyConflict) -> KeyConflict:
    path = _short(conflict.path)
    if path[:1] == (SECRETS_KEY,) and path is conflict.path:
        return KeyConflict(path, "***", "***", "***")
    return KeyConflict(path, conflict.base, conflict.mine, conflict.theirs)


def _unique(heads: Iterable[str], without: str) -> tuple[str, ...]:
    found = dict.fromkeys(one for one in heads if one and one != without)
    return tuple(found)[:MOST_HISTORY]
