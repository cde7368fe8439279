"""Classifies failed attempts by a table of rules.

The shipped rules are data (`config/shipped/errors.yaml`, which documents every key); a provider's
own `errors:` come before them. Nothing here reads files: the caller passes the parsed list.
"""

import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Literal
from typing import get_args

from switchyard.policy.client_words import ClientWords
from switchyard.policy.client_words import FailureText
from switchyard.values.expressions import ExpressionError
from switchyard.values.expressions import LateExpression
from switchyard.values.expressions import compiled
from switchyard.values.globs import Globs
from switchyard.values.records import altered
from switchyard.values.units import UnitError
from switchyard.values.units import parse_duration

type FailureClass = Literal[
    "request",
    "context-length",
    "credential",
    "quota",
    "overload",
    "model",
    "network",
    "empty",
    "history",
]
type Scope = Literal["none", "target", "key", "model", "host"]
"""What a failure speaks of: one key with one model, a key, a model, or all at that address."""
type Remedy = Literal[
    "proofs", "thoughts", "signatures", "thinking", "reasoning", "calls", "results", "roles"
]
"""What is changed before the same target is asked again: `wire/translate/remedies.py`."""
type SeenKind = Literal[
    "status",
    "body",
    "event",
    "connect",
    "timeout",
    "reset",
    "empty",
    "cut",
    "malformed",
]

CLASSES: tuple[FailureClass, ...] = get_args(FailureClass.__value__)
SCOPES: tuple[Scope, ...] = get_args(Scope.__value__)
REMEDIES: tuple[Remedy, ...] = get_args(Remedy.__value__)
KINDS: tuple[SeenKind, ...] = get_args(SeenKind.__value__)

_SCOPE_OF: dict[FailureClass, Scope] = {
    "request": "none",
    "context-length": "none",
    "credential": "key",
    "quota": "target",
    "overload": "target",
    "model": "model",
    "network": "host",
    "empty": "target",
    "history": "none",
}
_ANNOUNCED: frozenset[FailureClass] = frozenset({"credential", "quota"})
_KEYS = frozenset(
    "name provider format kind after-output status type code word match match-regex says class "
    "scope announced cooldown remedy".split()
)
_OF_THE_REQUEST = frozenset({400, 404, 409, 411, 413, 414, 416, 417, 422, 431})
"""Statuses that speak of the request: a client can have caused them, and their text."""
_REQUEST_WORDS = Globs(
    ("invalid_request*", "invalid_argument", "invalid_prompt", "badrequest*", "validation_error")
)
"""Types and codes that say the same of an error inside a 200."""
_LOCKS_NOTHING = frozenset({"request", "context-length", "history"})
_HTTP_STATUS = re.compile(r"[1-5]\d\d", re.ASCII)
_STATUS_RANGE = re.compile(r"([1-9]\d\d)\s*-\s*([1-9]\d\d)|([1-9])xx", re.ASCII | re.IGNORECASE)
_LONGEST_MESSAGE = 2000
"""Characters of a message that are searched: an error names its cause early."""
_MOST_SHORTLISTS = 1024


class RuleError(ValueError):
    """A rule that cannot be used."""

    def __init__(self, index: int, key: str, message: str) -> None:
        super().__init__(f"errors[{index}]{f'.{key}' if key else ''}: {message}")
        self.index = index
        """Position of the rule in its list."""
        self.key = key
        """The offending key; empty where it is the rule as a whole."""
        self.reason = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A failed attempt, as it was seen."""

    kind: SeenKind = "status"
    """`status`: an HTTP error status; `body`: an error inside a 200; `event`: an error event in a
    stream; `cut`: ended without its terminal event; `malformed`: no answer of the format."""
    status: int | None = None
    """The HTTP status; for `body` and `event` 200 and None are the same."""
    type: str | None = None
    code: str | None = None
    reasons: tuple[str, ...] = ()
    """Further codes, such as those of google.rpc.ErrorInfo."""
    message: str = ""
    detail: str = ""
    """More text to look at, such as an upstream's error quoted by a provider that passes it on."""
    after_output: bool = False
    provider: str = ""
    host: str = ""
    format: str = ""
    reach: Scope | None = None
    """What the provider itself names as used up: a `target` or a `key`."""
    client: ClientWords | None = field(default=None, compare=False, repr=False)
    """The client's own words: where the provider quotes them, they are not the provider's
    statement."""

    @property
    def told_status(self) -> int | None:
        """The status that counts: of errors inside a 200 the one their code names, if any."""
        if self.kind not in ("body", "event") or (self.status or 0) >= 400:
            return self.status
        if self.code and _HTTP_STATUS.fullmatch(self.code) and int(self.code) >= 400:
            return int(self.code)
        return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure means and what it locks."""

    cls: FailureClass
    scope: Scope
    announced: bool
    """Whether the provider itself refuses, rather than the router guessing so."""
    rule: str
    """Name of the rule that decided."""
    cooldown: float | None = None
    """Seconds of the first cooldown where no term was named; None for the usual base."""
    remedy: Remedy | None = None
    """What the conversation is changed in for another try of the same target; None: none helps."""
    unsure: bool = field(default=False, compare=False)
    """Whether a client's request can have caused it. It cools nothing that has just worked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table: conditions (None fits all) and the verdict they lead to."""

    verdict: Verdict
    providers: Globs | None = None
    formats: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    after_output: bool | None = None
    statuses: frozenset[int | None] | None = None
    types: Globs | None = None
    codes: Globs | None = None
    words: Globs | None = None
    pattern: LateExpression | None = None
    sentences: LateExpression | None = None
    """Whole messages that providers document: they contain no client's words."""
    own: bool = False
    """Whether the rule is a provider's own, from the configuration."""

    def concerns(self, seen: Seen, status: int | None) -> bool:
        """Whether the rule can fit, by all that is the same for many failures."""
        return (
            (self.kinds is None or seen.kind in self.kinds)
            and (self.statuses is None or status in self.statuses)
            and (self.after_output is None or self.after_output == seen.after_output)
            and (self.formats is None or seen.format in self.formats)
            and (
                self.providers is None
                or self.providers.matches(seen.provider)
                or self.providers.matches(seen.host)
            )
        )

    def fits(self, text: FailureText) -> bool:
        """Whether a failure that the rule concerns fits it by its words."""
        type_, code = text.type, text.code
        return (
            (self.types is None or self.types.matches(type_))
            and (self.codes is None or self.codes.matches(code))
            and (self.words is None or any(map(self.words.matches, (code, type_, *text.reasons))))
            and (
                (self.pattern is None and self.sentences is None)
                or self._is_said(text)
                or self.is_sentence(text)
            )
        )

    @property
    def locks(self) -> bool:
        """Whether the class means more than that the request itself is wrong."""
        return self.verdict.cls not in _LOCKS_NOTHING

    @property
    def structured(self) -> bool:
        """Whether a type or code of the provider's decides."""
        return not (self.types is None and self.codes is None and self.words is None)

    def is_sentence(self, text: FailureText) -> bool:
        """Whether the message is a documented one, from its first word to its last."""
        if self.sentences is None:
            return False
        return self.sentences.compiled.fullmatch(text.text(self.locks).strip()) is not None

    def _is_said(self, text: FailureText) -> bool:
        if self.pattern is None:
            return False
        for match in self.pattern.compiled.finditer(text.text(self.locks)):
            if not (self.locks and text.is_clients(match.group())):
                return True
        return False


class FailureTable:
    """Rules in order; the first that fits decides."""

    __slots__ = ("_shortlists", "rules")

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._shortlists: dict[tuple[object, ...], tuple[Rule, ...]] = {}

    @classmethod
    def from_data(cls, rules: Sequence[object], *, checked: bool = False) -> "FailureTable":
        """The table of a parsed YAML list of rules. Raises RuleError.

        Values may be parsed further already: statuses a frozenset, expressions compiled. Where the
        expressions were `checked` before, each is compiled with the first failure that it concerns.
        """
        return cls(parse_rules(rules, checked=checked))

    def extended(self, extra_rules: Sequence[object]) -> "FailureTable":
        """A table in which these rules come first. Raises RuleError."""
        if not extra_rules:
            return self
        own = (altered(rule, own=True) for rule in parse_rules(extra_rules))
        return FailureTable((*own, *self.rules))

    def classify(self, seen: Seen) -> Verdict:
        """Classify a failure. Never raises; the status decides where no rule matches.

        Text alone starts no cooldown where the status speaks of the request: a client may have
        written it, and would lock others out.
        """
        status = seen.told_status
        text = _said(seen, status)
        for rule in self._shortlist(seen, status):
            if rule.fits(text):
                return _reaching(_of_rule(rule, status, text), seen.reach, rule.own)
        wrong = status is not None and 400 <= status < 500
        return _verdict("request" if wrong else "overload", "unknown")

    def _shortlist(self, seen: Seen, status: int | None) -> tuple[Rule, ...]:
        where = (seen.provider, seen.host, seen.format, seen.kind, seen.after_output, status)
        found = self._shortlists.get(where)
        if found is None:
            if len(self._shortlists) >= _MOST_SHORTLISTS:
                self._shortlists.clear()
            found = tuple(rule for rule in self.rules if rule.concerns(seen, status))
            self._shortlists[where] = found
        return found


def parse_rules(rules: Sequence[object], *, checked: bool = False) -> tuple[Rule, ...]:
    """The rules of a parsed YAML list. Raises RuleError for the first that is wrong."""
    return tuple(_parse_rule(index, rule, checked) for index, rule in enumerate(rules))


def _said(seen: Seen, status: int | None) -> FailureText:
    text = seen.message[:_LONGEST_MESSAGE]
    if seen.detail:
        text = f"{text}\n{seen.detail[:_LONGEST_MESSAGE]}"
    type_, code, client = seen.type or "", seen.code or "", seen.client
    if client is not None and (status is None or status in _OF_THE_REQUEST):
        type_, code = ("" if word and client.is_value(word) else word for word in (type_, code))
    return FailureText(text, type_, code, seen.reasons, client)


def _of_rule(rule: Rule, status: int | None, text: FailureText) -> Verdict:
    """Return the verdict of a rule that matches, limited to what the failure proves."""
    verdict = rule.verdict
    if verdict.scope == "none" or rule.own or rule.structured:
        return verdict
    word = _REQUEST_WORDS.matches(text.type) or _REQUEST_WORDS.matches(text.code)
    if status not in _OF_THE_REQUEST and not (status is None and word):
        return verdict
    by_text = rule.pattern is not None or rule.sentences is not None
    agrees = not by_text or (verdict.cls == "model" and status == 404)
    if agrees or (rule.is_sentence(text) and verdict.cls == "model"):
        return altered(verdict, unsure=True)
    return verdict if rule.is_sentence(text) else altered(verdict, scope="none", unsure=True)


def _reaching(verdict: Verdict, reach: Scope | None, own: bool) -> Verdict:
    """Return the verdict for what the provider names as used up, which is not the whole account."""
    if reach in (None, verdict.scope) or verdict.cls != "quota" or verdict.scope == "none" or own:
        return verdict
    return altered(verdict, scope=reach, cooldown=None)


def _verdict(cls: FailureClass, name: str) -> Verdict:
    return Verdict(cls, _SCOPE_OF[cls], cls in _ANNOUNCED, name)


def _parse_rule(index: int, data: object, checked: bool) -> Rule:
    if not isinstance(data, Mapping):
        raise RuleError(index, "", "must be a mapping such as {status: 400, class: quota}")
    if unknown := sorted(str(key) for key in data if key not in _KEYS):
        raise RuleError(index, unknown[0], f"is not known; a rule has {', '.join(sorted(_KEYS))}")
    reader = _Reader(index, data, checked)
    name = str(data.get("name") or f"errors[{index}]")
    cls: FailureClass = reader.choice("class", CLASSES)
    usual = _verdict(cls, name)
    remedy: Remedy | None = None
    if "remedy" in data:
        known: Remedy = reader.choice("remedy", REMEDIES)
        remedy = known
        if cls != "history":
            raise RuleError(index, "remedy", "is for the class history alone")
    verdict = Verdict(
        cls=cls,
        scope=reader.choice("scope", SCOPES, usual.scope),
        announced=reader.flag("announced", usual.announced),
        rule=name,
        cooldown=reader.seconds("cooldown"),
        remedy=remedy,
    )
    kinds = reader.words("kind")
    if kinds is not None and (wrong := sorted(set(kinds).difference(KINDS))):
        raise RuleError(index, "kind", f"has no {wrong[0]!r}; it is one of {', '.join(KINDS)}")
    formats = reader.words("format")
    return Rule(
        verdict=verdict,
        providers=reader.globs("provider"),
        formats=None if formats is None else frozenset(formats),
        kinds=None if kinds is None else frozenset(kinds),
        after_output=reader.flag("after-output", None),
        statuses=reader.statuses("status"),
        types=reader.globs("type"),
        codes=reader.globs("code"),
        words=reader.globs("word"),
        pattern=reader.pattern("match", "match-regex"),
        sentences=reader.pattern("", "says"),
    )


class _Reader:
    """Reads the values of one rule; problems name the rule's place."""

    def __init__(self, index: int, data: Mapping[object, object], checked: bool) -> None:
        self._index = index
        self._data = data
        self._checked = checked

    def _wrong(self, key: str, message: str) -> RuleError:
        return RuleError(self._index, key, message)

    def words(self, key: str) -> list[str] | None:
        """A word or a list of words; numbers are taken as they are written."""
        value = self._data.get(key)
        if value is None:
            return None
        items = value if isinstance(value, list | tuple | frozenset) else [value]
        if not items or not all(isinstance(item, str | int) for item in items):
            raise self._wrong(key, "must be a word or a list of words")
        return [str(item) for item in items]

    def globs(self, key: str) -> Globs | None:
        words = self.words(key)
        return None if words is None else Globs(words)

    def choice[T: str](self, key: str, choices: tuple[T, ...], usual: T | None = None) -> T:
        value = self._data.get(key)
        if value is None and usual is not None:
            return usual
        for choice in choices:
            if choice == value:
                return choice
        raise self._wrong(key, f"must be one of {', '.join(choices)}")

    def flag[T: (bool, bool | None)](self, key: str, usual: T) -> bool | T:
        value = self._data.get(key)
        if value is None:
            return usual
        if not isinstance(value, bool):
            raise self._wrong(key, "must be true or false")
        return value

    def seconds(self, key: str) -> float | None:
        value = self._data.get(key)
        if value is None:
            return None
        try:
            return parse_duration(value)
        except UnitError as e:
            raise self._wrong(key, str(e)) from e

    def pattern(self, words: str, expressions: str) -> LateExpression | None:
        """One expression for the texts of two keys: as they stand, or regular expressions."""
        found = [re.escape(word) for word in self.words(words) or ()]
        value = self._data.get(expressions)
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, re.Pattern):
                found.append(f"(?:{each.pattern})")
            elif isinstance(each, str):
                found.append(f"(?:{self._expression(expressions, each)})")
            elif each is not None:
                raise self._wrong(expressions, "must be a regular expression or a list of them")
        expression = LateExpression("|".join(found), re.IGNORECASE)
        if not self._checked:
            expression.compiled  # noqa: B018 - now, so that it fails at once
        return expression if found else None

    def _expression(self, key: str, text: str) -> str:
        try:
            return text if self._checked else compiled(text).pattern
        except ExpressionError as e:
            raise self._wrong(key, f"is not a regular expression: {e}") from e

    def statuses(self, key: str) -> frozenset[int | None] | None:
        words = self.words(key)
        if words is None:
            return None
        found: set[int | None] = set()
        for word in words:
            if word == "none":
                found.add(None)
            elif match := _STATUS_RANGE.fullmatch(word):
                first, last, hundreds = match.groups()
                low = int(first or f"{hundreds}00")
                found.update(range(low, int(last or low + 99) + 1))
            elif word.isascii() and word.isdigit() and len(word) == 3:
                found.add(int(word))
            else:
                raise self._wrong(key, "must be a status: 429, 4xx, 500-599 or none")
        return frozenset(found)
