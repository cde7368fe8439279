"""Writes what `POST /api/show` reports about a model.

Source: Ollama's API documentation, "Show Model Information", and its Go type `ShowResponse`.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.ollama.names import time_of
from switchyard.wire.model.model_list import ModelEntry

_EMBEDS = ("embed", "minilm", "bge-")


def show(entry: ModelEntry) -> JsonObject:
    """Returns a model's description.

    Clients read the context length under the architecture's name, and the capabilities. A model has
    those of current models unless its name indicates otherwise.
    """
    embeds = any(word in entry.id.lower() for word in _EMBEDS)
    told: JsonObject = {"general.architecture": entry.owner, "general.basename": entry.id}
    if entry.context_window is not None:
        told[f"{entry.owner}.context_length"] = entry.context_window
    return {
        "license": "",
        "modelfile": f"FROM {entry.id}",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": {
            "parent_model": "",
            "format": "",
            "family": entry.owner,
            "families": [entry.owner],
            "parameter_size": "",
            "quantization_level": "",
        },
        "model_info": told,
        "capabilities": ["embedding"] if embeds else ["completion", "tools", "vision", "thinking"],
        "modified_at": time_of(entry.created),
    }
