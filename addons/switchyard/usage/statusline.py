"""One line for the status line of Claude Code.

Claude Code runs a command and writes JSON to its standard input (its guide, "Status line
configuration"): `session_id` names the session, `model` what the user chose, `cost` what Claude
Code itself believes to have spent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from switchyard.usage.forecast import Track
from switchyard.usage.records import NANO
from switchyard.usage.reports import Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the line is made of; None where it is not known."""

    asked: str | None = None
    provider: str | None = None
    model: str | None = None
    session: Sums | None = None
    today: Sums | None = None
    windows: tuple[Track, ...] = ()
    """The tracks of the login or key in use."""


SHOWN_WINDOWS = ("5h", "7d")


def status_line(facts: Facts, now: float) -> str:
    """Return the line: the model that answered, costs, windows with countdown, cache share."""
    parts = [_model(facts)]
    if facts.session is not None:
        parts.append(f"session {_costs(facts.session)}")
    if facts.today is not None:
        parts.append(f"today {_costs(facts.today)}")
    tracks = {track.window.name: track for track in facts.windows}
    parts += [_window(tracks[name], now) for name in SHOWN_WINDOWS if name in tracks]
    if facts.session is not None and (share := facts.session.cache_share) is not None:
        parts.append(f"cache {share:.0%}")
    return " | ".join(filter(None, parts))


def tracks_in_use(
    tracks: Sequence[tuple[str, Track]], provider: str | None, credential: str | None
) -> tuple[Track, ...]:
    """Return the tracks of the key or login that answered last, of all tracks with their owners.

    A record names a provider's key by the owner of its windows, but no login: of several logins at
    one provider it is that which was seen last. Where the provider told of no window, or nobody
    answered yet, those of the only owner there is; of several, none: they may be another tool's.
    """
    owners: dict[str, list[Track]] = {}
    for owner, track in tracks:
        owners.setdefault(owner, []).append(track)
    if credential in owners:
        return tuple(owners[credential])
    logins = [found for owner, found in owners.items() if owner.startswith(f"{provider} login ")]
    if logins:
        return tuple(max(logins, key=lambda found: max(one.window.seen_at for one in found)))
    shown = [
        found
        for found in owners.values()
        if any(track.window.name in SHOWN_WINDOWS for track in found)
    ]
    return tuple(shown[0]) if len(shown) == 1 else ()


def countdown(seconds: float) -> str:
    """Return a span as people read it: `3d 4h`, `2h 5m`, `12m`, `now`."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "now"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m"


def _model(facts: Facts) -> str:
    if facts.model is None:
        return facts.asked or ""
    answered = f"{facts.provider}/{facts.model}" if facts.provider else facts.model
    is_other = facts.asked is not None and not facts.asked.startswith(facts.model)
    return f"{answered} (for {facts.asked})" if is_other else answered


def _costs(sums: Sums) -> str:
    paid = f"${sums.cost:,.2f}"
    if sums.sums["unpriced"]:
        paid += "+?"
    covered, is_partial = sums.sums["covered"] / NANO, sums.sums["uncovered"] > 0
    if not covered:
        return f"{paid} + plan ?" if is_partial else paid
    return f"{paid} + plan ${covered:,.2f}{'+?' if is_partial else ''}"


def _window(track: Track, now: float) -> str:
    window = track.window
    if track.is_over(now) or window.used is None:
        return f"{window.name} ?"
    text = f"{window.name} {window.used:.0%}"
    if window.resets_at is not None:
        text += f" resets {countdown(window.resets_at - now)}"
    forecast = track.forecast(now)
    if forecast.kind == "empty" and forecast.sure and forecast.empty_at is not None:
        text += f", empty in {countdown(forecast.empty_at - now)}"
    return text + (" (old)" if track.is_old(now) else "")
