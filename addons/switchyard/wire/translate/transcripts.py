"""Gives clients that expect no sound the transcript of a spoken answer, as its text.

Sources: OpenAI's API reference, "Chat Completions": `message.audio.transcript`, in streams
`delta.audio.transcript`; Google's reference, `GenerationConfig.responseModalities`: an exact match
to the modalities of the response, which is text where the list is empty.
"""

from collections.abc import Collection
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta


def are_wanted(client: Format, asked: Collection[str], body: JsonObject) -> bool:
    """Whether a client that `asked` for these modalities gets an answer to `body` as text.

    `body` is the request to the provider, which a payload rule can have made ask for speech.
    """
    modalities = body.get("modalities")
    if not isinstance(modalities, list) or "audio" not in modalities:
        return False
    return not client.gives_sound or (client.gives_sound == "asked" and "audio" not in asked)


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
