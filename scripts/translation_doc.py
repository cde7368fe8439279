"""Prints docs/translation.md, made from the losses that each format declares.

`scripts/docs` writes the page.
"""

import sys
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

ADDONS = str(Path(__file__).resolve().parents[1] / "addons")
if ADDONS not in sys.path:
    sys.path.insert(0, ADDONS)

from switchyard.wire.registry import FORMATS  # noqa: E402
from switchyard.wire.translate.features import SAID_ELSEWHERE  # noqa: E402
from switchyard.wire.translate.losses import KEPT_BY_PROVIDER  # noqa: E402

INTRODUCTION = """\
# What a translation leaves out

Made from the formats' own declarations (`addons/switchyard/wire/formats/*/losses.py`) by
`scripts/translation_doc.py`; change them there.

A provider that speaks the client's own format gets the client's request as it is, and nothing of
this page applies. Any other gets a request written in its format. What the formats have in common
goes over: instructions, turns, text, images, tool calls and their results, tool declarations,
limits, sampling, a schema for the answer, reasoning. What a format has no words for is left out
of the request, and the answer's header `x-switchyard-dropped` tells the client the names given
here. A feature is told only where a request uses it.

A tool choice or an effort that a format says in another way is written in that way, and
is not listed. What the router can do itself is no loss either: an answer ends before a stop
sequence that the provider could not be given, with the client's own stop reason, and a tool whose
name not every API takes (longer than 64 characters, or with dots) goes by another one at the
provider, while the client keeps its own. A function's schema that OpenAI or Anthropic would refuse
is put right. A call that the history leaves unanswered gets a result that says so; a result of a
call that is not there becomes text.

Tools that the client runs, but declares by a type of its provider's own (Anthropic's bash or text
editor, OpenAI's shells, `apply_patch`, computer and client-side tool search, Gemini's computer
use), are functions with their documented parameters elsewhere. Calls come back as the client's own
kind. Tools that run at the provider (web search, fetching of pages, running of code) are asked for
in the words of a provider that has the same; what they did is shown as the client's format shows
it. What other providers cannot read of such a history (results, and whatever kind of block holds
words) reaches them as text, told as `provider-blocks-as-text`. Instructions that came later than
the beginning stay where they came: as a system message where the model takes one, else among the
user's words, in `<system-reminder>` tags.
"""

REQUESTS = """\
## Requests, by the format of the provider
"""

EVERYWHERE = """\
### Every other format

Members of a request that name what its provider stores: `cachedContent` is Gemini's, `container`
is Anthropic's, the others are of the Responses API. An earlier response is served from the
router's own memory of it where it was answered by a translation, and is refused, not left out,
where it is not there. A request with `cachedContent` goes to those of a model's providers that
speak Gemini's format, and is refused where none does, since an answer without a part of the prompt
would be wrong; only a request to count tokens leaves it out.
"""

ALONE = """\
Members of a request in `{}` that no other format has a word for.
"""

INSTRUCTED = """\
### Asked for in words

Where the shape of an answer (JSON, or JSON that matches a schema) cannot be asked for by a
parameter, it becomes an instruction, and the answer's header `x-switchyard-instructed` says so. A
provider whose profile says `json-schema: false` gets any schema that way. Nobody enforces it then.
"""

STOPS = """\
### Done by the router

Stop sequences that these formats cannot be told; the router ends the answer itself. The words of
the answer are searched, not thinking nor the arguments of calls. The same goes for stop sequences
and limits of output tokens that a provider's profile drops from any request; such a limit is kept
by an estimate of tokens, so the answer may be somewhat shorter or longer than the provider's own
count would make it.
"""

REPLIES = """\
## Answers, by the format of the client

What a client of the format is told in other words, or not at all. A stop reason goes by its
neutral name. Formats that are not listed say all of an answer. These losses are not reported,
since the words of the answer survive.
"""


def document() -> str:
    """The whole page, with one newline at its end."""
    return "\n".join(_lines()).rstrip("\n") + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield REQUESTS
    for name, format in FORMATS.items():
        yield f"### `{name}`\n"
        yield from _table(format.losses.cannot_say)
    yield EVERYWHERE
    yield from _table(KEPT_BY_PROVIDER)
    for name, format in FORMATS.items():
        if format.losses.said_alone:
            yield ALONE.format(name)
            yield from _table(format.losses.said_alone)
    kinds = ", ".join(f"`{kind}`" for kind in sorted(SAID_ELSEWHERE))
    yield f"Items of the kinds {kinds} lose nothing: their words stand elsewhere in the request.\n"
    losses = {name: format.losses for name, format in FORMATS.items()}
    yield INSTRUCTED
    in_words = {name: one.instructed for name, one in losses.items() if one.instructed}
    yield from _table(in_words, "format")
    yield STOPS
    yield from _table({name: one.stops for name, one in losses.items() if one.stops}, "format")
    yield REPLIES
    for name, one in losses.items():
        if one.reply_cannot_say:
            yield f"### `{name}`, answers\n"
            yield from _table(one.reply_cannot_say)


def _table(reasons: Mapping[str, str], what: str = "feature") -> Iterator[str]:
    yield f"| {what} | why |"
    yield "|---|---|"
    yield from (f"| `{feature}` | {reasons[feature]} |" for feature in sorted(reasons))
    yield ""


if __name__ == "__main__":
    sys.stdout.write(document())
