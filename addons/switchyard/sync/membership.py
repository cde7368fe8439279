"""Who belongs to the devices: begins with the first, allows others, removes lost ones."""

from collections.abc import Mapping

from switchyard.sync.config_place import LocalCopy
from switchyard.sync.device_folder import DeviceFolder
from switchyard.sync.device_folder import SyncLink
from switchyard.sync.device_keys import DeviceCard
from switchyard.sync.errors import SyncError
from switchyard.sync.signed_state import KnownDevice
from switchyard.sync.signed_state import allowed
from switchyard.sync.syncing import DeviceSync


def link_to(folder: DeviceFolder, address: str, name: str, anew: bool = False) -> SyncLink:
    """Tie a configuration to a remote, or move its tie to another one; return it.

    `anew` forgets whom this device trusted and what it had in common with others.
    """
    link = None if anew else folder.find_link()
    if link is None:
        link = SyncLink(address=address, name=name)
    link = link.model_copy(update={"address": address, "name": name})
    folder.save(link)
    return link


def begin(sync: DeviceSync) -> LocalCopy | None:
    """Push what this device has to an empty remote, and return it; None if something is there.

    A device that has been in step with others carries their state over to the new place.
    """
    if sync.remote.read() is not None:
        return None
    link, card = sync.folder.link(), sync.keys.card
    local = sync.place.local()
    if not local.copy.text.strip():
        raise SyncError(f"{sync.place.config} is not there; write a configuration first")
    sync.place.check(local.copy)
    devices = link.devices or {card.id: allowed(card, sync.keys)}
    sync.place.write(local, local.copy, [one.recipient for one in devices.values()])
    sync.publish(local.copy, devices, None)
    return local


def allow(sync: DeviceSync, card: DeviceCard) -> None:
    """Let a device read the secrets and push. Changes that are not pushed yet stay so."""
    link, fetched = sync.up_to_date()
    if card.id in link.removed:
        raise SyncError(f"{card.name} was removed; on it, make new keys: sync init --new-keys")
    namesake = next((id for id, one in link.devices.items() if one.name == card.name), card.id)
    if namesake != card.id:
        raise SyncError(f"there is a device {card.name!r} already; remove it, or name this another")
    known = link.devices.get(card.id)
    device = allowed(card, sync.keys, known.proofs if known else ())
    sync.publish(fetched.copy, {**link.devices, card.id: device}, fetched)
    _seal_anew(sync)


def remove(sync: DeviceSync, name: str) -> list[str]:
    """Encrypt the secrets without a device, by its name or fingerprint; refuse what it signs.

    Returns the names of the secrets that it has read, which are to be replaced at their providers.
    """
    link, fetched = sync.up_to_date()
    id = _device_called(link.devices, name)
    if id == sync.keys.card.id:
        raise SyncError("a device cannot remove itself; do it on another one")
    # The removed one's proofs count no more: whoever stays is vouched for by this device.
    devices = {
        other: allowed(one.card, sync.keys, one.proofs)
        for other, one in link.devices.items()
        if other != id
    }
    sync.publish(fetched.copy, devices, fetched, removed=(id,))
    _seal_anew(sync)
    return sorted(fetched.copy.secrets)


def put_secret(sync: DeviceSync, name: str, value: str | None) -> None:
    """Set a secret of this device's file, or remove it (None); a push brings it to the others."""
    link, secrets = sync.folder.link(), sync.place.secrets()
    if value is None:
        if secrets.pop(name, None) is None:
            raise SyncError(f"there is no secret {name!r}")
    else:
        secrets[name] = value
    sync.place.write_secrets(secrets, _recipients(sync, link))


def _seal_anew(sync: DeviceSync) -> None:
    """Encrypt this device's own file for those that are known now."""
    link, secrets = sync.folder.link(), sync.place.secrets()
    sync.place.write_secrets(secrets, _recipients(sync, link))


def _recipients(sync: DeviceSync, link: SyncLink) -> list[str]:
    return [one.recipient for one in link.devices.values()] or [sync.keys.card.recipient]


def _device_called(devices: Mapping[str, KnownDevice], name: str) -> str:
    for id, one in devices.items():
        if name in (id, one.name):
            return id
    raise SyncError(f"there is no device {name!r}; switchyard sync status lists them")
