"""Remembers which models refused to be asked for thinking, so that no call tells that again.

A model that does not think answers 400 to the wish, and the remedy `reasoning` asks again without.
Once that was answered, later requests leave the wish out at once.
"""

_LASTS = 3600.0
"""Seconds for which a refusal holds: then the wish is tried again, for a model may have changed."""
_MOST = 1000
"""Models remembered at most; the one that was noted first goes first."""


class RefusedWishes:
    """Models by provider, and until when they are asked for no thinking; monotonic seconds."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def note(self, provider: str, model: str, now: float) -> None:
        """Remember that a model answered without the wish that it had refused."""
        self._until.pop((provider, model), None)
        while len(self._until) >= _MOST:
            del self._until[next(iter(self._until))]
        self._until[provider, model] = now + _LASTS

    def hold(self, provider: str, model: str, now: float) -> bool:
        """Return whether a model is to be asked for no thinking."""
        return bool(self._until) and self._until.get((provider, model), now) > now

    def forget(self, provider: str) -> None:
        """Forget the models of a provider: its settings changed."""
        for key in [one for one in self._until if one[0] == provider]:
            del self._until[key]
