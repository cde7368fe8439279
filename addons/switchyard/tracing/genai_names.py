"""The words of the GenAI semantic conventions for what the router knows.

Sources: open-telemetry/semantic-conventions-genai, docs/gen-ai: client-inference.md and
non-normative/migration.md; open-telemetry/semantic-conventions v1.41.0: gen-ai-spans.md.
"""

from urllib.parse import urlsplit

from switchyard.config.tracing import Conventions

_OPERATIONS = {"embeddings": "embeddings", "count-tokens": "count_tokens"}
_BY_FORMAT = {"gemini": "generate_content", "openai-completions": "text_completion"}

_HOSTS = (
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".models.ai.azure.com", "azure.ai.inference"),
    (".services.ai.azure.com", "azure.ai.inference"),
    ("api.openai.com", "openai"),
    ("chatgpt.com", "openai"),
    (".anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    (".cohere.com", "cohere"),
    (".cohere.ai", "cohere"),
)
"""How the hosts of the providers end that the conventions have a word for."""


def operation_name(operation: str, format: str) -> str:
    """Return `gen_ai.operation.name` of a record's operation, in an upstream's format."""
    if operation == "generate":
        return _BY_FORMAT.get(format, "chat")
    return _OPERATIONS.get(operation, operation.replace("-", "_"))


def provider_name(url: str, name: str) -> str:
    """Return `gen_ai.provider.name` of a provider by its URL; a name of its own for others."""
    host = (urlsplit(url).hostname or "").lower()
    if host.startswith("bedrock-runtime."):
        return "aws.bedrock"
    for end, word in _HOSTS:
        if host == end.removeprefix(".") or host.endswith(end):
            return word
    return name


def cache_write_name(conventions: Conventions) -> str:
    """Return the attribute of the tokens that a request wrote to a cache."""
    part = "cache_creation" if conventions == "1.41" else "cache_write"
    return f"gen_ai.usage.{part}.input_tokens"
