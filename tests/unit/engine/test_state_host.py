"""The supervising process serves state from a thread."""

import logging
import os
import stat
from pathlib import Path

import pytest

from switchyard.engine.state_host import StateHost
from switchyard.state.shared.opening import open_state
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding

LIMIT = Limit(key="a", kind="requests", most=2, period=Sliding(86_400))


async def admitted(where: str) -> int:
    state = open_state(where)
    await state.start()
    answers = [await state.admit(Ask(limits=(LIMIT,))) for _ in range(3)]
    leases = [one.lease for one in answers if isinstance(one, Admitted)]
    for lease in leases:
        await state.settle(lease, Amounts())
    await state.close()
    return len(leases)


async def test_workers_share_and_counters_outlive_it(tmp_path: Path) -> None:
    file = tmp_path / "limits.sqlite"
    with StateHost(file) as host:
        socket = Path(host.where.removeprefix("served:"))
        assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0
        assert stat.S_IMODE(socket.parent.stat().st_mode) & 0o077 == 0
        assert await admitted(host.where) == 2
        assert await admitted(host.where) == 0
    assert not socket.parent.exists()
    with StateHost(file) as host:
        assert await admitted(host.where) == 0


def test_without_a_place_for_the_socket_workers_are_on_their_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = StateHost(None)
    folder = os.path.join(host._folder.name, "x" * 200)
    monkeypatch.setattr(host._folder, "name", folder)
    with caplog.at_level(logging.ERROR), host:
        assert host.where == ""
    assert "cannot be shared" in caplog.text
