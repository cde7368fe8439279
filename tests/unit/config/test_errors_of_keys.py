"""A wrong key or value is told at its line and key, with what to write instead."""

import pytest

from tests.unit.config.loading import ONE
from tests.unit.config.loading import problems

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
        "clients:\n  policies: {interns: {models: [m]}}\n"
        "  api-keys: [{key: sk-a-1234567890, extends: intern}]\n",
        "6: clients.api-keys[0].extends: unknown policy 'intern'. Hint: did you mean 'interns'.",
    ),
    (
        "clients: {api-keys: [{key: sk-a-1234567890, extends: interns}]}\n",
        "4: clients.api-keys[0].extends: unknown policy 'interns'. Hint: name it under "
        "clients.policies.",
    ),
    (
        "clients: {concurrency: 99999999999999999999}\n",
        "4: clients.concurrency: must be at most 1e+09.",
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


@pytest.mark.parametrize(("appended", "expected"), IN_ONE, ids=[case[0] for case in IN_ONE])
def test_problems_in_a_file_with_one_provider(appended: str, expected: str) -> None:
    found = problems(ONE + appended, {"OPENAI_API_KEY": "set"})
    assert f"test.yaml:{expected}" in found
    assert len(found) == (2 if "same" not in appended and ", a]" in appended else 1)
