"""A request and its answer on their way between two formats, as the router takes them."""

import json
from dataclasses import replace
from typing import Any

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.placing import lasting
from switchyard.wire.shared.server_tool_results import ServedAnswers
from switchyard.wire.shared.server_tools import Dialect
from switchyard.wire.shared.server_tools import has_services
from switchyard.wire.shared.server_tools import served
from switchyard.wire.shared.tool_choice import choosable
from switchyard.wire.translate.documents import readable
from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.merge_turns import joined
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.rename_tools import renamed

type Json = dict[str, Any]


def read(client: str, body: Json) -> Conversation:
    """A client's request in the neutral model."""
    return FORMATS[client].read_request({"model": "m", **body})


def sent(
    client: str, target: str, body: Json, dialect: Dialect | None = None, **known: Any
) -> Json:
    """What a provider of format `target` is sent for a client's request; `known` is what is known
    of its model, and `dialect` whose server tools it has."""
    c = distinct(joined(readable(served(read(client, body), target, dialect), target)))
    c = choosable(renamed(paired(lasting(c))), target)
    return PROVIDER_FORMATS[target].write_request(replace(c, **known))


def dropped(client: str, target: str, body: Json, dialect: Dialect | None = None) -> list[str]:
    """What the client is told that the provider could not be given."""
    return lost(served(read(client, body), target, dialect), target)


def answered(client: str, target: str, body: Json, answer: Json, streams: bool = False) -> Any:
    """What a client reads of a provider's whole `answer`: its body, or the events of its stream."""
    asked = Asked(model="m", id="0123456789abcdef", created=1, conversation=read(client, body))
    serves = has_services(served(read(client, body), target), target)
    stages = [ServedAnswers(target, client, asked.id)] if serves else []
    relay = Relay(FORMATS[target], FORMATS[client], streams, asked, stages=stages)
    relay.start(200, "application/json")
    out = relay.feed(json.dumps(answer).encode()) + relay.end()
    assert relay.committed and not relay.failed, relay.problem
    if not streams:
        return json.loads(relay.body)
    lines = [line[6:] for line in out.decode().splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def chat_answer(*calls: tuple[str, str, Json], text: str | None = None) -> Json:
    """A Chat provider's answer that makes `calls`: id, name and arguments of each."""
    made = [
        {"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
        for i, n, a in calls
    ]
    message = {"role": "assistant", "content": text, **({"tool_calls": made} if made else {})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if made else "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"} | {
        "choices": [choice],
        "usage": usage,
    }
