"""Removes what looks like a key from text for people."""

import re

_SECRET = re.compile(
    r"""
    (?P<lead>\b(?:bearer|basic)\s+|(?:api[-_]?key|key|token|secret|password)["']?\s*[=:]\s*["']?)
        [^\s"',;&)\]}]{6,}
    | \b(?:sk|pk|rk|gsk|xai|csk|fw|tgp|hf|nvapi|ghp|gho|github_pat|AIza|ya29|eyJ)[-_.\w*]{8,}
    | (?<![\w/-])(?=[\w*-]*\d)(?=[\w*-]*[A-Za-z])[\w*-]{32,}(?![\w/-])
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_LONGEST = 300
_UNSEEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Characters that move the cursor, begin lines, colour, hide or turn round what follows."""


_QUOTED = re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")""")
"""Bytes as Python writes them."""
_OF_HEADER = re.compile(
    r"""(headers?(?: name)?:\ |HTTP\ transfer-encoding\ )
        (?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|\[[^\n]*)""",
    re.VERBOSE,
)
"""mitmproxy's report of an invalid header, with its value."""
_SHOWN = 10
"""Characters of quoted bytes that are no more than a name or a version."""


def without_quoted(text: str) -> str:
    """Remove quoted bytes and what looks like a key.

    mitmproxy repeats heads and bodies that it cannot read.
    """
    text = _QUOTED.sub(lambda match: match[0] if len(match[0]) <= _SHOWN else "(bytes)", text)
    text = _OF_HEADER.sub(lambda match: f"{match[1]}(its value)", text)
    return _SECRET.sub(lambda match: f"{match['lead'] or ''}[redacted]", text)


def one_line(text: str) -> str:
    """Spell out every control character, so that the text is one harmless line."""
    if text.isprintable():
        return text
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def redact(text: str, longest: int = _LONGEST) -> str:
    """Return the text on one line of at most `longest` characters, without keys.

    Providers quote parts of the key they refuse. This removes rather too much than too little: also
    long runs of letters and digits that are something else.
    """
    # What is cut off must not leave the first half of a key behind: cut after taking out.
    line = " ".join(text[: longest * 4].split())
    line = _SECRET.sub(lambda match: f"{match['lead'] or ''}[redacted]", line)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
