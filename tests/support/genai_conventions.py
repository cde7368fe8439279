"""The GenAI semantic conventions as a check: which attributes a span has, and of which types.

Sources: open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md (latest);
open-telemetry/semantic-conventions v1.41.0, docs/gen-ai/gen-ai-spans.md, docs/http/http-spans.md.
"""

import json
from typing import Any

from tests.support.collector import TakenSpan

SERVER, CLIENT = 2, 3
"""Kinds of spans on the wire (opentelemetry-proto, trace.proto)."""

COMMON: dict[str, type] = {
    "gen_ai.operation.name": str,
    "gen_ai.provider.name": str,
    "error.type": str,
    "gen_ai.conversation.id": str,
    "gen_ai.output.type": str,
    "gen_ai.request.choice.count": int,
    "gen_ai.request.model": str,
    "gen_ai.request.seed": int,
    "gen_ai.request.stream": bool,
    "gen_ai.request.frequency_penalty": float,
    "gen_ai.request.max_tokens": int,
    "gen_ai.request.presence_penalty": float,
    "gen_ai.request.stop_sequences": list,
    "gen_ai.request.temperature": float,
    "gen_ai.request.top_p": float,
    "gen_ai.response.finish_reasons": list,
    "gen_ai.response.id": str,
    "gen_ai.response.model": str,
    "gen_ai.response.time_to_first_chunk": float,
    "gen_ai.usage.cache_read.input_tokens": int,
    "gen_ai.usage.input_tokens": int,
    "gen_ai.usage.output_tokens": int,
    "gen_ai.usage.reasoning.output_tokens": int,
    "gen_ai.usage.audio.input_tokens": int,
    "gen_ai.usage.audio.output_tokens": int,
    "gen_ai.input.messages": str,
    "gen_ai.output.messages": str,
    "gen_ai.system_instructions": str,
    "server.address": str,
    "server.port": int,
    "http.response.status_code": int,
}
LATEST = COMMON | {
    "gen_ai.request.top_k": int,
    "gen_ai.request.reasoning.level": str,
    "gen_ai.request.previous_response.id": str,
    "gen_ai.usage.cache_write.input_tokens": int,
}
OLD = COMMON | {
    "gen_ai.request.top_k": float,
    "gen_ai.usage.cache_creation.input_tokens": int,
}
REQUEST: dict[str, type] = {
    "http.request.method": str,
    "url.path": str,
    "url.scheme": str,
    "http.route": str,
    "http.response.status_code": int,
    "user_agent.original": str,
    "error.type": str,
    "gen_ai.conversation.id": str,
}
PROVIDERS = {
    *("anthropic", "aws.bedrock", "azure.ai.inference", "azure.ai.openai", "cohere", "deepseek"),
    *("gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai", "groq", "ibm.watsonx.ai", "mistral_ai"),
    *("moonshot_ai", "openai", "perplexity", "x_ai"),
}
OPERATIONS = {"chat", "generate_content", "text_completion", "embeddings"}
CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")


def faults(span: TakenSpan, known: dict[str, type] = LATEST) -> list[str]:
    """What a span has against the conventions; nothing if it keeps to them."""
    attributes, wrong = span.attributes, []
    table = known if span.kind == CLIENT else REQUEST
    for name, value in attributes.items():
        if name.startswith("switchyard."):
            continue
        if name not in table:
            wrong.append(f"{name} is no attribute of such spans")
        elif type(value) is not table[name]:
            wrong.append(f"{name} is a {type(value).__name__}")
    if span.error != ("error.type" in attributes):
        wrong.append("error.type and the status differ")
    if span.kind == CLIENT:
        wrong += _faults_of_inference(span)
    elif span.kind != SERVER:
        wrong.append("the kind is neither SERVER nor CLIENT")
    else:
        required = ("http.request.method", "url.path", "url.scheme")
        wrong += [f"{name} is missing" for name in required if name not in attributes]
    if span.ended < span.begun:
        wrong.append("it ends before it begins")
    return wrong


def _faults_of_inference(span: TakenSpan) -> list[str]:
    found, wrong = span.attributes, []
    required = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")
    wrong += [f"{name} is missing" for name in required if not found.get(name)]
    if span.name != f"{found.get('gen_ai.operation.name')} {found.get('gen_ai.request.model')}":
        wrong.append(f"the name is {span.name!r}")
    if ("server.address" in found) != ("server.port" in found):
        wrong.append("server.address and server.port go together")
    if found.get("gen_ai.request.stream") is False:
        wrong.append("gen_ai.request.stream is for streams alone")
    cached = found.get("gen_ai.usage.cache_read.input_tokens", 0)
    if cached > found.get("gen_ai.usage.input_tokens", cached):
        wrong.append("cached tokens are not among the input tokens")
    for name in CONTENT:
        if name in found:
            wrong += _faults_of_messages(name, json.loads(found[name]))
    return wrong


def _faults_of_messages(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        return [f"{name} is no list"]
    parts = value if name.endswith("instructions") else [p for one in value for p in one["parts"]]
    wrong = [f"{name}: a part has no type" for part in parts if not isinstance(part["type"], str)]
    if not name.endswith("instructions"):
        roles = {"system", "user", "assistant", "tool"}
        wrong += [f"{name}: {one['role']}" for one in value if one["role"] not in roles]
    return wrong
