"""Gives clients whose format knows no sound the transcript of a spoken answer, as its text.

Source: OpenAI's API reference, "Chat Completions": `message.audio.transcript`, in streams
`delta.audio.transcript`.
"""

from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta


def asks_for_sound(body: JsonObject) -> bool:
    """Whether a request to a provider asks for a spoken answer."""
    modalities = body.get("modalities")
    return isinstance(modalities, list) and "audio" in modalities


class Transcripts:
    """Makes texts of spoken parts. See `stage.Stage`."""

    over = False

    def __init__(self) -> None:
        self._spoken: set[tuple[int, int]] = set()

    @property
    def changed(self) -> bool:
        return bool(self._spoken)

    def feed(self, events: Sequence[Event]) -> list[Event]:
        return [new for event in events for new in self._said(event)]

    def _said(self, event: Event) -> Sequence[Event]:
        match event:
            case PartStart(part=Media(kind="audio", transcript=words)):
                self._spoken.add((event.choice, event.index))
                begun = altered(event, part=Text(text=""))
                if not words:
                    return (begun,)
                return (begun, TextDelta(event.index, words, event.choice))
            case MediaDelta() if (event.choice, event.index) in self._spoken:
                if not event.transcript:
                    return ()
                return (TextDelta(event.index, event.transcript, event.choice),)
            case PartEnd() if (event.choice, event.index) in self._spoken:
                return (altered(event, part=None),)
        return (event,)
