"""`python -m tests.integration.sync.rounds`: devices edit at once, and no change is lost.

Each device adds an alias of its own in each round and pulls and pushes in an order that is drawn.
At the end all devices must have the same text, with every alias ever added.
"""

import random
import sys
import tempfile
from pathlib import Path

from switchyard.config.editing.pieces import read_plain
from switchyard.sync.addresses import remote_of
from switchyard.sync.config_place import ConfigPlace
from switchyard.sync.device_folder import DeviceFolder
from switchyard.sync.device_keys import load_keys
from switchyard.sync.device_keys import make_keys
from switchyard.sync.errors import SyncError
from switchyard.sync.membership import allow
from switchyard.sync.membership import begin
from switchyard.sync.membership import link_to
from switchyard.sync.syncing import DeviceSync

CONFIG = """\
providers:
  - {name: demo, builtin: demo, models: [{name: echo}]}
# Other names.
aliases:
  first: demo/echo
"""
TRIES = 1000


def prove(root: Path, rounds: int, seed: int) -> int:
    """Carry out the rounds; return how many pushes were refused and made again."""
    names = ("laptop", "desk", "server")
    devices = [device_in(root, name) for name in names]
    devices[0].place.config.write_text(CONFIG)
    assert begin(devices[0]) is not None
    for other in devices[1:]:
        allow(devices[0], other.keys.card)
        other.pull(trust=devices[0].keys.card.id)
    devices[0].pull()
    chance = random.Random(seed)
    refused = 0
    for number in range(rounds):
        for name, one in zip(names, devices, strict=True):
            path = one.place.config
            path.write_text(f"{path.read_text()}  {name}-{number}: demo/echo  # of {name}\n")
        for one in chance.sample(devices, len(devices)):
            refused += in_step(one)
    for one in devices:
        one.pull()
    texts = {one.place.config.read_text() for one in devices}
    assert len(texts) == 1
    wanted = {f"{name}-{number}" for name in names for number in range(rounds)} | {"first"}
    assert set(read_plain(texts.pop())["aliases"]) == wanted
    return refused


def in_step(one: DeviceSync) -> int:
    """Push, and pull before it where that is asked for; return how often it was."""
    for pulls in range(TRIES):
        try:
            one.push()
        except SyncError:
            one.pull()
        else:
            return pulls
    raise AssertionError("no push was taken")


def device_in(root: Path, name: str) -> DeviceSync:
    """A device with keys of its own, tied to the folder of all."""
    address = str(root / "remote")
    home = root / name
    make_keys(home / "keys", name)
    folder = DeviceFolder(home / "link")
    link_to(folder, address, name)
    (home / "config").mkdir()
    place = ConfigPlace(
        home / "config" / "config.yaml", home / "config" / ".env", {}, home / "keys" / "device.key"
    )
    keys = load_keys(home / "keys", name)
    return DeviceSync(place, folder, keys, remote_of(address, folder.path, name, {}))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as root:
        refused = prove(Path(root), rounds, seed=1)
    print(f"{rounds} rounds of three devices: nothing lost, {refused} pushes came after another's")


if __name__ == "__main__":
    main()
