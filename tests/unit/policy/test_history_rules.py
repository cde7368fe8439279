"""What providers say of a history that they cannot read, by the shipped rules."""

from pathlib import Path
from typing import Any
from typing import get_args

import pytest
from ruamel.yaml import YAML

from switchyard.config.shipped import shipped_failures
from switchyard.policy.client_words import ClientWords
from switchyard.policy.failures import Remedy
from switchyard.policy.failures import RuleError
from switchyard.policy.failures import Seen
from switchyard.policy.failures import parse_rules
from switchyard.wire.translate.remedies import REMEDIES

TABLE = shipped_failures()
WORDINGS: dict[str, list[dict[str, Any]]] = YAML(typ="safe", pure=True).load(
    Path(__file__).with_name("history_errors.yaml")
)
FORMATS = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")
CASES = [(provider, line) for provider, lines in WORDINGS.items() for line in lines]
IDS = [f"{provider} {line['message'][:50]}" for provider, line in CASES]

OTHERS = [
    ("Previous response with id 'resp_1' not found.", "request"),
    ("File file-1 not found", "request"),
    ("max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens", "request"),
    ("tools.0.input_schema: JSON schema is invalid. It must match draft 2020-12", "request"),
    ("messages.0.content.1.image.source.base64: invalid base64 data", "request"),
    ("prompt is too long: 213462 tokens > 200000 maximum", "context-length"),
    ("This model does not support tools", "model"),
    ("Thinking budget must be less than max_tokens", "request"),
    ("tool_choice: tool 'x' not found in provided tools", "request"),
]


def seen(line: dict[str, Any], provider: str, format: str) -> Seen:
    return Seen(
        kind=line.get("kind", "status"),
        status=line.get("status", 400),
        type="invalid_request_error" if line.get("kind", "status") == "status" else None,
        code=line.get("code"),
        message=line["message"],
        detail=line.get("detail", ""),
        provider=provider,
        host=f"api.{provider}.example",
        format=format,
    )


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("provider", "line"), CASES, ids=IDS)
def test_wordings_have_their_remedy_and_nothing_cools(
    provider: str, line: dict[str, Any], format: str
):
    verdict = TABLE.classify(seen(line, provider, format))
    assert (verdict.cls, verdict.remedy) == ("history", line["remedy"]), verdict.rule
    assert (verdict.scope, verdict.announced) == ("none", False)


@pytest.mark.parametrize(("message", "cls"), OTHERS, ids=[message for message, _ in OTHERS])
def test_what_is_wrong_besides_the_history_is_judged_as_before(message: str, cls: str):
    assert TABLE.classify(Seen(status=400, message=message)).cls == cls


@pytest.mark.parametrize(("provider", "line"), CASES, ids=IDS)
def test_words_of_the_client_do_not_hide_a_wording(provider: str, line: dict[str, Any]):
    """A refusal quotes members and ids that the client wrote."""
    words = ["tool_use_id", "tool_result", "tool_use", "reasoning_content", "call_1", "thinking"]
    told = seen(line, provider, "anthropic")
    quoted = Seen(
        kind=told.kind,
        status=told.status,
        type=told.type,
        code=told.code,
        message=told.message,
        detail=told.detail,
        provider=told.provider,
        client=ClientWords({word: word for word in words}, line["message"]),
    )
    assert TABLE.classify(quoted).remedy == line["remedy"]


def test_each_remedy_of_a_rule_exists():
    assert set(get_args(Remedy.__value__)) == set(REMEDIES)
    told = {rule.verdict.remedy for rule in TABLE.rules if rule.verdict.cls == "history"}
    assert told == set(REMEDIES)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"status": 400, "class": "history", "remedy": "prayer"}, "must be one of proofs"),
        ({"status": 400, "class": "quota", "remedy": "proofs"}, "is for the class history alone"),
    ],
)
def test_wrong_remedies_are_told(rule: dict[str, Any], problem: str):
    with pytest.raises(RuleError, match=problem):
        parse_rules([rule])
