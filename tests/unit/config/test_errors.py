"""What is wrong with a file is told with its place, its key and what to do."""

from pathlib import Path

import pytest

from switchyard.config.load import load_config
from switchyard.config.problems import ConfigError
from tests.unit.config.loading import problems

ONE = """providers:
  - name: one
    base-url: https://one.example/v1
"""
"""A good file; whatever a case appends begins on line 4, within the provider."""

LISTED = """providers:
  - {name: one, base-url: "https://one.example", models: [m1, {name: m2, alias: twin}]}
  - {name: two, base-url: "https://two.example", models: [{name: m3, alias: twin}]}
  - {name: open, base-url: "https://open.example", excluded-models: ["*-vision"]}
"""
"""A good file of four lines; whatever a case appends begins on line 5."""

URL_HINT = "Hint: write https://host/path."
SOCKET_HINT = "Hint: write https://host/path, or unix:/path/to.sock."
_SOCKET = "names no Unix socket by its whole path. Hint: write unix:/path/to.sock."

IN_ONE = [
    (
        "    base_url: https://x.example\n",
        "4: providers[0].base_url: unknown key. Hint: did you mean 'base-url'.",
    ),
    (
        "    timeouts: {frist-byte: 3s}\n",
        "4: providers[0].timeouts.frist-byte: unknown key. Hint: did you mean 'first-byte'.",
    ),
    (
        "    api-key-entries:\n      - api-key: k\n        wieght: 2\n",
        "6: providers[0].api-key-entries[0].wieght: unknown key. Hint: did you mean 'weight'.",
    ),
    (
        "drain: half a minute\n",
        "4: drain: 'half a minute' is not a duration: write 500ms, 20s, 5m, 1h "
        "or 7d (a plain number is seconds).",
    ),
    (
        "rotues: []\n",
        "4: rotues: unknown key. Hint: did you mean 'routes'.",
    ),
    (
        "retry:\n  xyzzy: 1\n",
        "5: retry.xyzzy: unknown key. Hint: one of request-retry, max-retry-credentials, "
        "max-retry-interval, deadline.",
    ),
    (
        "    stream: force_on\n",
        "4: providers[0].stream: 'force_on' is none of as-asked, default-off, force-on, force-off. "
        "Hint: did you mean 'force-on'.",
    ),
    (
        "    format: openai\n",
        "4: providers[0].format[0]: 'openai' is none of openai-chat, openai-responses, "
        "openai-completions, anthropic, gemini, ollama, codewhisperer, converse. "
        "Hint: did you mean 'openai-chat'.",
    ),
    (
        "    timeouts:\n      total: 5 minutes\n",
        "5: providers[0].timeouts.total: '5 minutes' is not a duration: write 500ms, 20s, 5m, 1h "
        "or 7d (a plain number is seconds).",
    ),
    (
        "timeouts: {connect: 0}\n",
        "4: timeouts.connect: '0' must be more than 0.",
    ),
    ("limits: {head: 0}\n", "4: limits.head: '0' must be more than 0."),
    ("limits: {headers: 0}\n", "4: limits.headers: must be at least 1."),
    ("limits: {body-time: 0s}\n", "4: limits.body-time: '0s' must be more than 0."),
    (
        "limits: {decoded: 1MB}\n",
        "4: limits.decoded: unknown key. Hint: did you mean 'decoded-body'.",
    ),
    (
        "exchange-log: {max-size: 10XB}\n",
        "4: exchange-log.max-size: '10XB' is not a size: write 10MB, 1GB or 512KiB (a plain number "
        "is bytes).",
    ),
    (
        "    api-key-entries: [{api-key: k, quota: {tokens: [1M/d, 5]}}]\n",
        "4: providers[0].api-key-entries[0].quota.tokens[1]: '5' is not a rate: write 50/m, 1M/d "
        "or 100/5h (s, m, h, d, w for week).",
    ),
    (
        "    models: [{name: a, context-window: many}]\n",
        "4: providers[0].models[0].context-window: 'many' is not a count: write 200000, 200k or "
        "1M.",
    ),
    (
        "    models: {name: a}\n",
        "4: providers[0].models: must be a list of models, or discover. Hint: leave it out to "
        "allow any model.",
    ),
    (
        "    models: [3.5]\n",
        "4: providers[0].models[0]: must be a mapping of keys to values. Hint: write each as "
        "key: value.",
    ),
    (
        "    models: [{name: 3.5}]\n",
        "4: providers[0].models[0].name: must be text. Hint: put quotes around it.",
    ),
    (
        "    api-key-entries: [{api-key: k, weight: true}]\n",
        "4: providers[0].api-key-entries[0].weight: must be a whole number.",
    ),
    (
        "    api-key-entries: [{api-key: k, weight: 0}]\n",
        "4: providers[0].api-key-entries[0].weight: must be at least 1.",
    ),
    (
        "cooldown: {jitter: 1.5}\n",
        "4: cooldown.jitter: must be at most 1.",
    ),
    (
        "    tls: {verify: maybe}\n",
        "4: providers[0].tls.verify: must be true or false.",
    ),
    (
        "    tls: corp.pem\n",
        "4: providers[0].tls: must be a mapping of keys to values. Hint: write each as key: value.",
    ),
    (
        "combos: [one/a]\n",
        "4: combos: must be a mapping of keys to values. Hint: write each as key: value.",
    ),
    (
        "combos: {c: []}\n",
        "4: combos.c.members: needs at least one entry.",
    ),
    (
        "combos: {c: {members: [one/a], return: cold}}\n",
        "4: combos.c.return: 'cold' is none of when-cold, at-once, never. Hint: "
        "did you mean 'when-cold'.",
    ),
    (
        "    profile: {cache-marks: always, prompt-cache-key: true}\n",
        "4: providers[0].profile.cache-marks: 'always' is none of auto, off, 1h. Hint: "
        "one of auto, off, 1h.",
    ),
    (
        "    profile: {cache-minimum: 0}\n",
        "4: providers[0].profile.cache-minimum: must be at least 1.",
    ),
    (
        "cache: {for: [answers]}\n",
        "4: cache.for[0]: 'answers' is none of embeddings, count-tokens. Hint: one of embeddings, "
        "count-tokens.",
    ),
    (
        "cache: {for: [], ttl: 1h}\n",
        "4: cache.for: needs at least one entry.",
    ),
    (
        "combos: {c: {strategy: weighted}}\n",
        "4: combos.c.members: is required.",
    ),
    (
        "routes: [{pattern: '^(gpt-', provider: one}]\n",
        "4: routes[0].pattern: '^(gpt-' is not a regular expression (missing ), unterminated "
        "subpattern). Hint: quote it and escape special characters with \\.",
    ),
    (
        "routes: [{pattern: '^gpt-', provider: oen}]\n",
        "4: routes[0].provider: unknown provider 'oen'. Hint: did you mean 'one'.",
    ),
    *(
        (
            f"    keep: {keep}\n",
            f"4: providers[0].keep.share: {keep.strip()!r} must be a share between 0% and 100%. "
            "Hint: write 10% or 0.1.",
        )
        for keep in ("100%", "0%", "ten")
    ),
    (
        "    models: [m]\nclients: {budget-status: 500}\n",
        "5: clients.budget-status: '500' is none of 402, 403, 429. Hint: one of 402, 403, 429.",
    ),
    (
        "    models: [m]\nclients: {api-keys: [{key: sk-a-1234567890, over-budget: refused}]}\n",
        "5: clients.api-keys[0].over-budget: unknown model 'refused'. Hint: did you mean 'refuse'.",
    ),
    (
        "    keep: {share: 5%, for: [ana]}\n"
        "clients: {api-keys: [{key: sk-a-1234567890, name: ann}]}\n",
        "4: providers[0].keep.for[0]: unknown client key 'ana'. Hint: did you mean 'ann'.",
    ),
    (
        "    keep: 5%\n    credentials: forward\n",
        "4: providers[0].keep: is never used: credentials: forward sends the client's own key. "
        "Hint: remove it, or credentials: forward.",
    ),
    (
        "    proxy-url: ftp://proxy.example\n",
        "4: providers[0].proxy-url: must be an http, https, socks5 or socks5h URL, or direct. "
        "Hint: write direct, http://host:port or socks5://host:port.",
    ),
    (
        "    prefix: a/b\n",
        "4: providers[0].prefix: must be letters, digits, dots, dashes or underscores, without a "
        "slash.",
    ),
    (
        "    headers:\n      X-Good: a\n      Content-Length: 5\n",
        "6: providers[0].headers.Content-Length: is a header that the router sets itself. "
        "Hint: remove it.",
    ),
    *(
        (
            f"    headers: {{X-Leak: ${name}}}\n",
            "4: providers[0].headers.X-Leak: copies the client's own credential. Hint: use "
            "credentials: forward, which sends it where this provider expects it.",
        )
        for name in (
            "api-key",
            "x-auth-token",
            "chatgpt-account-id",
            "X-Functions-Key",
            "x-user-jwt",
        )
    ),
    (
        "    headers: {X-Leak: $Authorization}\n",
        "4: providers[0].headers.X-Leak: copies the client's own credential. Hint: use "
        "credentials: forward, which sends it where this provider expects it.",
    ),
    (
        "    api-key: a\n    api-key-entries: [b]\n",
        "4: providers[0].api-key: is given besides api-key-entries. Hint: make it one of the "
        "entries.",
    ),
    (
        "    api-key: a\n    credentials: forward\n",
        "4: providers[0].api-key: is never used: credentials: forward sends the client's own key. "
        "Hint: remove it, or credentials: forward.",
    ),
    (
        "    base-urls: {anthropic: https://x.example}\n",
        "4: providers[0].base-urls.anthropic: is the address of a format that the provider does "
        "not have. Hint: add anthropic to format.",
    ),
    (
        "    builtin: demo\n",
        "3: providers[0].base-url: is not for a builtin provider, whose address the router knows. "
        "Hint: remove it, or builtin.",
    ),
    (
        "    profile: opnerouter\n",
        "4: providers[0].profile: unknown profile 'opnerouter'. Hint: did you mean 'openrouter'.",
    ),
    (
        "  - preset: antropic\n",
        "4: providers[1].preset: unknown preset 'antropic'. Hint: did you mean 'anthropic'.",
    ),
    (
        "    errors: [{status: 400, class: quota}, {status: 400, class: quotas}]\n",
        "4: providers[0].errors[1].class: must be one of request, context-length, credential, "
        "quota, overload, model, network, empty, history.",
    ),
    (
        "    errors: [{class: quota}]\n",
        "4: providers[0].errors[0]: matches every failure. Hint: give it one of code, kind, match, "
        "match-regex, status, type, word.",
    ),
    (
        "intercept: {https://api.anthropic.com: [passthrough]}\n",
        "4: intercept.https://api.anthropic.com: must be a host name, such as api.anthropic.com.",
    ),
    (
        "    name: uno\n",
        "4: providers[0].name: is given twice (first on line 2). Hint: keep one of the two.",
    ),
    (
        "clients: {api-keys: [{key: a, name: x}, {key: b, name: x}, a]}\n",
        "4: clients.api-keys[1].name: 'x' is also the name of clients.api-keys[0]. Hint: give each "
        "client key a name of its own.",
    ),
    (
        "clients: {api-keys: [same, {key: same}]}\n",
        "4: clients.api-keys[1]: is the same key as entry 0. Hint: remove one of them.",
    ),
    (
        "    api-key: two words\n",
        "4: providers[0].api-key: holds white space or characters that a header cannot carry.",
    ),
    (
        "    api-key:\n",
        "4: providers[0].api-key: has no value. Hint: give the key, or remove it.",
    ),
    (
        "    api-key: 12345678\n",
        "4: providers[0].api-key: must be text. Hint: put quotes around it.",
    ),
    (
        "combos: {c: {members: [one/x], stratgy: weighted}}\n",
        "4: combos.c.stratgy: unknown key. Hint: did you mean 'strategy'.",
    ),
    (
        "payload: {filter: [{models: [{nam: a}]}]}\n",
        "4: payload.filter[0].models[0].nam: unknown key. Hint: did you mean 'name'.",
    ),
    (
        "    api-key: ${ONE_KEY}\n",
        "4: providers[0].api-key: the environment variable ONE_KEY is not set or empty. Hint: "
        "export ONE_KEY=..., set it in .env beside this file, or default it: ${ONE_KEY:-value}.",
    ),
    (
        "    api-key: ${OPENAI_APIKEY}\n",
        "4: providers[0].api-key: the environment variable OPENAI_APIKEY is not set or empty. "
        "Hint: did you mean ${OPENAI_API_KEY}, which is set.",
    ),
    (
        "    api-key: ${not a name}\n",
        "4: providers[0].api-key: has a ${...} that names no variable. Hint: write ${NAME} or "
        "${NAME:-default}.",
    ),
    (
        "    api-key: ${ONE_KEY\n",
        "4: providers[0].api-key: has a ${ without its }. Hint: write ${NAME} or ${NAME:-default}.",
    ),
    (
        "  - preset: openrouter\n",
        "4: providers[1].api-key: the environment variable OPENROUTER_API_KEY is not set or empty. "
        "Hint: export OPENROUTER_API_KEY=..., set it in .env beside this file, or default it: "
        "${OPENROUTER_API_KEY:-value}.",
    ),
]

IN_LISTED = [
    (
        "combos: {c: [one/m1, tow/m3]}\n",
        "5: combos.c[1]: unknown provider 'tow' in 'tow/m3'. Hint: did you mean 'two'.",
    ),
    (
        "combos:\n  c:\n    members:\n      - one/m1\n      - one/m9\n",
        "9: combos.c.members[1]: the provider 'one' lists no model 'm9'. Hint: one of m1, "
        "twin, m2.",
    ),
    (
        "combos: {c: [open/x-vision]}\n",
        "5: combos.c[0]: 'open/x-vision' is excluded by the provider 'open'. Hint: see its "
        "excluded-models.",
    ),
    (
        "combos: {c: [twins]}\n",
        "5: combos.c[0]: 'twins' is not a model, alias or combo. Hint: did you mean 'twin'.",
    ),
    (
        "combos: {c: [zzzzzz]}\n",
        "5: combos.c[0]: 'zzzzzz' is not a model, alias or combo. Hint: write provider/model, "
        "or the name of an alias or combo.",
    ),
    (
        "aliases: {fast: tow/m1}\n",
        "5: aliases.fast: unknown provider 'tow' in 'tow/m1'. Hint: did you mean 'two'.",
    ),
    (
        "aliases: {fast: [m1, tow/m1]}\n",
        "5: aliases.fast[1]: unknown provider 'tow' in 'tow/m1'. Hint: did you mean 'two'.",
    ),
    (
        "intercept: {api.x.example: [passthrough, tow/m1]}\n",
        "5: intercept.api.x.example[1]: unknown provider 'tow' in 'tow/m1'. Hint: did you mean "
        "'two'.",
    ),
    (
        'intercept: {api.x.example: {models: {"*haiku*": [passthrough, tow/m1]}}}\n',
        "5: intercept.api.x.example.models.*haiku*[1]: unknown provider 'tow' in 'tow/m1'. Hint: "
        "did you mean 'two'.",
    ),
    (
        "intercept: {api.x.example: {members: [passthrough], modles: {}}}\n",
        "5: intercept.api.x.example.modles: unknown key. Hint: did you mean 'models'.",
    ),
    (
        "intercept: {api.x.example: {models: {gpt: {members: [passthrough], hedge: 3}}}}\n",
        "5: intercept.api.x.example.models.gpt.hedge: unknown key. Hint: did you mean "
        "'hedge-after'.",
    ),
    (
        "combos: {a: [b]}\naliases: {b: [m1, c], c: a(high)}\n",
        "6: aliases.c: goes round in a circle: a -> b -> c -> a. Hint: take this member out, or "
        "write provider/model.",
    ),
    (
        "combos: {m1: [m1]}\n",
        "5: combos.m1[0]: goes round in a circle: m1 -> m1. Hint: take this member out, or write "
        "provider/model.",
    ),
    (
        "combos: {x: [m1]}\naliases: {x: m1}\n",
        "6: aliases.x: 'x' is the name of two things: a combo (combos.x) and an alias. Hint: "
        "rename one of them.",
    ),
    (
        "combos: {one: [m1]}\n",
        "5: combos.one: 'one' is the name of two things: a provider (providers[0].name) and a "
        "combo. Hint: rename one of them.",
    ),
    (
        "aliases: {twin: m1}\n",
        "2: providers[0].models[1].alias: 'twin' is the name of two things: an alias "
        "(aliases.twin) and the alias of a model. Hint: rename one of them.",
    ),
    (
        "aliases: {x: m1, x: m3}\n",
        "5: aliases.x: is given twice (first on line 5). Hint: keep one of the two.",
    ),
    (
        "combos: {passthrough: [m1]}\n",
        "5: combos.passthrough: passthrough is reserved. Hint: choose another name.",
    ),
    (
        "combos: {c: [5]}\n",
        "5: combos.c.members[0]: must be text. Hint: put quotes around it.",
    ),
]


@pytest.mark.parametrize(("appended", "expected"), IN_ONE, ids=[case[0] for case in IN_ONE])
def test_problems_in_a_file_with_one_provider(appended: str, expected: str) -> None:
    found = problems(ONE + appended, {"OPENAI_API_KEY": "set"})
    assert f"test.yaml:{expected}" in found
    assert len(found) == (2 if "same" not in appended and ", a]" in appended else 1)


@pytest.mark.parametrize(("appended", "expected"), IN_LISTED, ids=[case[0] for case in IN_LISTED])
def test_problems_with_names(appended: str, expected: str) -> None:
    found = problems(LISTED + appended)
    assert f"test.yaml:{expected}" in found
    assert len(found) == (2 if "twin: m1" in appended else 1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("one.example/v1", f"must be an http:// or https:// URL. {SOCKET_HINT}"),
        ("ftp://one.example", f"must be an http:// or https:// URL. {SOCKET_HINT}"),
        ("https://", f"is not a URL with a host. {URL_HINT}"),
        ("https://one.example:port/", "is not a URL."),
        ("unix:", _SOCKET),
        ("unix:here.sock", _SOCKET),
        ("http+unix:///run/x.sock", _SOCKET),
        ("https://[::1", "is not a URL."),
        ("https://one .example", f"is not a URL with a host. {URL_HINT}"),
        (
            "https://user:sk-secret@one.example",
            "has a user name or password in it. Hint: put the key into api-key-entries.",
        ),
        (
            "https://one.example/v1?key=sk-secret",
            "has a ? or # in it. Hint: leave out what comes after the path.",
        ),
    ],
)
def test_addresses(url: str, said: str) -> None:
    found = problems(f'providers:\n  - name: one\n    base-url: "{url}"\n')
    assert found == [f"test.yaml:3: providers[0].base-url: {said}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "test.yaml: is empty. Hint: name at least one provider."),
        ("# nothing\n", "test.yaml: is empty. Hint: name at least one provider."),
        (
            "- a\n",
            "test.yaml:1: must be a mapping of keys to values. Hint: begin with providers:.",
        ),
        ("timeouts: {}\n", "test.yaml:1: providers: is required."),
        ("providers: []\n", "test.yaml:1: providers: needs at least one entry."),
        (
            "providers:\n  one: {base-url: https://x.example}\n",
            "test.yaml:1: providers: must be a list. Hint: write each item on a line of its own, "
            "after a dash.",
        ),
        (
            "providers:\n  - base-url: https://x.example\n",
            "test.yaml:2: providers[0].name: is required.",
        ),
        (
            "providers:\n  - name: x\n",
            "test.yaml:2: providers[0].base-url: is required. Hint: give the URL that the "
            "provider's SDK takes, or preset: NAME.",
        ),
        (
            "providers:\n  - name: passthrough\n    base-url: https://x.example\n",
            "test.yaml:2: providers[0].name: is reserved for the request's own destination. "
            "Hint: choose another name.",
        ),
        (
            "providers:\n  - {name: x, base-url: 'http://x'}\n  - {name: x, base-url: 'http://y'}\n",
            "test.yaml:3: providers[1].name: 'x' is the name of two things: a provider "
            "(providers[0].name) and a provider. Hint: rename one of them.",
        ),
        (
            "providers:\n  - {name: x, base-url: 'http://x'}\n"
            "  - {name: y, prefix: x, base-url: 'http://y'}\n",
            "test.yaml:3: providers[1].prefix: 'x' is the name of two things: a provider "
            "(providers[0].name) and a provider's prefix. Hint: rename one of them.",
        ),
        (
            "providers:\n  - name: x\n   base-url: y\n",
            "test.yaml:3: is not valid YAML: expected <block end>, but found '<block mapping "
            "start>'. Hint: mind the indentation; quote values with ${...} inside {} or [].",
        ),
        (
            "providers: [{name: x, api-key: ${KEY}}]\n",
            "test.yaml:1: is not valid YAML: expected ',' or '}', but got '{'. Hint: mind the "
            "indentation; quote values with ${...} inside {} or [].",
        ),
        (
            "providers: *sk-secret-anchor\n",
            "test.yaml:1: is not valid YAML: names an anchor that is not defined. Hint: quote a "
            "value that begins with *.",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "test.yaml:2: is not valid YAML: but found another document. Hint: mind the "
            "indentation; quote values with ${...} inside {} or [].",
        ),
        ("a: \x00\n", "test.yaml: holds a character that YAML does not allow."),
    ],
)
def test_files_that_are_wrong_as_a_whole(text: str, expected: str) -> None:
    assert expected in problems(text)


def test_an_anchor_that_contains_itself_is_refused() -> None:
    found = problems(ONE + "combos: {c: &c [*c]}\n")
    assert "test.yaml:4: combos.c[0]: refers to itself without end." in found


def test_an_anchor_that_multiplies_is_refused() -> None:
    rows = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert any("refers to itself without end" in line for line in problems(f"x0: &x0 [a]\n{rows}"))


def test_a_tag_is_refused_but_not_repeated() -> None:
    (found,) = problems(ONE + "    api-key: !sk-secret tail\n")
    assert found == (
        "test.yaml:4: providers[0].api-key: has a YAML tag. Hint: quote a value that begins with !."
    )


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        """
        providers:
          - name: one
            base-url: nowhere
            stream: of-course
            timeouts: {total: soon}
            api-key: ${KEY_ONE}
          - name: two
            bse-url: https://two.example
        combos: {c: [three/x], d: [c, d]}
        retry: {request-retry: -1}
        """
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["test.yaml:3", "providers[0].base-url"],
        ["test.yaml:4", "providers[0].stream"],
        ["test.yaml:5", "providers[0].timeouts.total"],
        ["test.yaml:6", "providers[0].api-key"],
        ["test.yaml:7", "providers[1].base-url"],
        ["test.yaml:8", "providers[1].bse-url"],
        ["test.yaml:9", "combos.c[0]"],
        ["test.yaml:9", "combos.d[1]"],
        ["test.yaml:10", "retry.request-retry"],
    ]


def test_values_that_come_from_variables_are_not_repeated() -> None:
    (found,) = problems(ONE + "timeouts: {total: '${T}ms'}\n", {"T": "one-hour"})
    assert found.startswith("test.yaml:4: timeouts.total: '${T}ms' is not a duration")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        load_config(tmp_path / "none.yaml", {})
    assert str(missing.value) == (
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory. "
        "Hint: name an existing file."
    )
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"providers: \xff\xfe\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(binary, {})
