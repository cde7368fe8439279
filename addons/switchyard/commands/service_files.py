"""Files of a service of the user's own session: a systemd unit, a launchd agent.

Sources: systemd.service(5), systemd.exec(5), systemd.syntax(7); launchd.plist(5).
"""

import plistlib
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Final

UNIT: Final = "switchyard.service"
LABEL: Final = "switchyard.router"

MARK: Final = "# Written by `switchyard service install`, which replaces it."
"""The first line of a unit that this program wrote."""

_STOPS_WITHIN: Final = 60
"""Seconds that running streams get before the process is killed."""

_UNIT_FILE: Final = """\
{mark}
[Unit]
Description=Switchyard LLM router
StartLimitIntervalSec=5min
StartLimitBurst=5

[Service]
Type=notify
WatchdogSec=60
# The first start of a checkout installs what it needs.
TimeoutStartSec=10min
{environment}ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2s
TimeoutStopSec={stops_within}
KillMode=mixed
LimitNOFILE=10240:524288
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


def user_unit(words: Sequence[str], variables: Mapping[str, str]) -> bytes:
    """Return a systemd unit that runs a command with these variables besides the session's."""
    lines = [f"Environment={_quoted(f'{name}={value}')}\n" for name, value in variables.items()]
    text = _UNIT_FILE.format(
        mark=MARK,
        environment="".join(lines),
        # Only a command line has variables filled in.
        command=" ".join(_quoted(word.replace("$", "$$")) for word in words),
        stops_within=_STOPS_WITHIN,
    )
    return text.encode("utf-8", "surrogateescape")


def launch_agent(words: Sequence[str], variables: Mapping[str, str], log: Path) -> bytes:
    """Return a launchd agent that runs a command with these variables and logs to `log`.

    Raises ValueError where the text is not the property list that was meant: a path with control
    characters, which XML cannot hold.
    """
    agent: dict[str, Any] = {
        "Label": LABEL,
        "ProgramArguments": list(words),
        "EnvironmentVariables": dict(variables),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": _STOPS_WITHIN,
        "ProcessType": "Interactive",
        "Umask": 0o077,
        "SoftResourceLimits": {"NumberOfFiles": 10_240},
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    written = plistlib.dumps(agent)
    if plistlib.loads(written) != agent:
        raise ValueError("the property list does not hold what it should")
    return written


def _quoted(word: str) -> str:
    """Return a word as systemd reads it: in quotes, with escapes, its specifiers taken literally.

    Raises ValueError for control characters.
    """
    if not word.isprintable():
        raise ValueError(f"control characters in {word!r}")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
