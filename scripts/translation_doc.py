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

from switchyard.wire.registry import PROVIDER_FORMATS  # noqa: E402
from switchyard.wire.translate.features import SAID_ELSEWHERE  # noqa: E402
from switchyard.wire.translate.losses import KEPT_BY_PROVIDER  # noqa: E402

INTRODUCTION = """\
# What a translation leaves out

Made from the formats' own declarations (`addons/switchyard/wire/formats/*/losses.py`) by
`scripts/translation_doc.py`; change them there.

A provider that speaks the client's own format receives the client's request unchanged, and nothing
on this page applies. Any other provider receives a request in its own format. The router
translates what the formats have in common: instructions, turns, text, images, tool calls and their
results, tool declarations, limits, sampling, a schema for the response, reasoning. It leaves out
what a format cannot express, and the response header `x-switchyard-dropped` lists the names given
here. A name appears only where the request uses the feature.

The header also names, by its own path (`output_config.task_budget`, `tools.defer_loading`), every
other member of a request that does not reach the provider, known or not, and every number that is
written as another because the provider's scale is another (`temperature`). The router finds these
by comparison: it writes the request's settings with and without the member. Members that say
nothing (null, empty, an API's own default) are no losses, nor is what stands in the request twice.

The router writes a tool choice or an effort in the target format's own way where there is one;
such features are not listed. Neither is what the router does itself: it ends a response before a
stop sequence that the provider does not take, with the client's own stop reason. It renames a tool
whose name not every API accepts (longer than 64 characters, or with dots) at the provider, while
the client keeps its own name. It corrects a function's schema that OpenAI or Anthropic would
refuse. A call without a result in the history gets a result that says so; a result without its
call becomes text. A message of nothing but media that the provider's format lacks says so to the
model. Of two tools with one name the later is offered.

Tools that the client runs, but declares by a type of its own provider (Anthropic's bash or text
editor, OpenAI's shells, `apply_patch`, computer and client-side tool search, Gemini's computer
use), become functions with their documented parameters elsewhere. Calls come back as the client's
own kind. The router requests tools that run at the provider (web search, fetching of pages, running
of code) in the words of a provider that has the same, and shows what they did as the client's
format does. What other providers cannot read of such a history (results, and every kind of block
that holds text) reaches them as text, reported as `provider-blocks-as-text`. Instructions in the
middle of a conversation stay there: as a system message where the model takes one, else in the
user's turn, in `<system-reminder>` tags.
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

Where no parameter can request the shape of a response (JSON, or JSON that matches a schema), it
becomes an instruction, and the response header `x-switchyard-instructed` says so. A provider whose
profile says `json-schema: false` gets every schema that way. The provider does not enforce it then.
"""

STOPS = """\
### Done by the router

These formats have no stop sequences; the router ends the response itself. It searches the text of
the response, not thinking or the arguments of calls. The same holds for stop sequences and limits
of output tokens that a provider's profile drops from any request. The router keeps such a limit by
an estimate of tokens, so the response may be shorter or longer than the provider's own count would
make it.
"""

REPLIES = """\
## Answers, by the format of the client

What a client of the format receives in another form, or not at all. Stop reasons have their
neutral names. Formats that are not listed express the whole response. The router does not report
these losses, since the text of the response survives.
"""


def document() -> str:
    """The whole page, with one newline at its end."""
    return "\n".join(_lines()).rstrip("\n") + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield REQUESTS
    for name, format in PROVIDER_FORMATS.items():
        yield f"### `{name}`\n"
        yield from _table(format.losses.cannot_say)
    yield EVERYWHERE
    yield from _table(KEPT_BY_PROVIDER)
    for name, format in PROVIDER_FORMATS.items():
        if format.losses.said_alone:
            yield ALONE.format(name)
            yield from _table(format.losses.said_alone)
    kinds = ", ".join(f"`{kind}`" for kind in sorted(SAID_ELSEWHERE))
    yield f"Items of the kinds {kinds} lose nothing: their words stand elsewhere in the request.\n"
    losses = {name: format.losses for name, format in PROVIDER_FORMATS.items()}
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
