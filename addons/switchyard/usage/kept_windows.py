"""Windows as they are on record, for who asks without being the router's event loop."""

from collections.abc import Iterable

from switchyard.usage.forecast import Track
from switchyard.usage.ledger import WINDOWS_SINCE
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import RequestRecord
from switchyard.usage.window_book import WindowBook


def tracks_of(reader: UsageReader, now: float) -> list[tuple[str, Track]]:
    """Return the owner and course of each window that was seen lately."""
    book = WindowBook()
    book.restore(reader.windows(now - WINDOWS_SINCE))
    return book.shown(now)


def tracks_behind(
    records: Iterable[RequestRecord], tracks: Iterable[tuple[str, Track]]
) -> list[tuple[str, Track]]:
    """Return the windows of the providers' keys and logins that answered some requests.

    A record names a provider's key by the owner of its windows, but no login: one is among them
    where it is the only one at a provider that answered.
    """
    found = list(tracks)
    answered = {(one.provider, one.credential) for one in records}
    owners = {credential for _, credential in answered}
    logins: set[str] = set()
    labels = {owner for owner, _ in found}
    for provider in {provider for provider, credential in answered if credential not in labels}:
        mine = {owner for owner, _ in found if owner.startswith(f"{provider} login ")}
        logins |= mine if len(mine) == 1 else set()
    return [(owner, track) for owner, track in found if owner in owners or owner in logins]
