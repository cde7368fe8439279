"""Where no process can take the place of another; tests/integration/e2e has where one does."""

import pytest

from switchyard.pipeline.handover import _why_not

PID = 4711
UNDER_SYSTEMD = {"SYSTEMD_EXEC_PID": str(PID)}


@pytest.mark.parametrize(
    ("pid", "environ", "why"),
    [
        (1, {}, "the first of its container"),
        (PID, UNDER_SYSTEMD, "Type=notify"),
        (PID, UNDER_SYSTEMD | {"NOTIFY_SOCKET": "/run/systemd/notify"}, ""),
        (PID, {"SYSTEMD_EXEC_PID": "1"}, ""),
        (PID, {}, ""),
    ],
)
def test_why_no_process_can_go_on(pid: int, environ: dict[str, str], why: str) -> None:
    found = _why_not(pid, environ)
    assert why in found and bool(found) == bool(why)
