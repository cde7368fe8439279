"""Answers requests that only load a model into memory.

Source: Ollama's API documentation, "Load a model".
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.ollama.final_members import COUNTS
from switchyard.wire.formats.ollama.final_members import durations
from switchyard.wire.formats.ollama.names import time_of


def preloaded(body: JsonObject, created: int) -> JsonObject | None:
    """Returns the response to a request that only loads its model.

    Such a request has no prompt and no messages; for others the result is None. `created` is in
    Unix seconds.
    """
    if any(body.get(name) for name in ("prompt", "messages", "suffix", "images")):
        return None
    head = {"model": body.get("model"), "created_at": time_of(created)}
    reason = "unload" if body.get("keep_alive") in (0, "0", "0s") else "load"
    said: JsonObject = {"response": ""}
    if "messages" in body:
        said = {"message": {"role": "assistant", "content": ""}}
    counts = dict.fromkeys(COUNTS, 0)
    return {**head, **said, "done_reason": reason, "done": True, **durations(), **counts}
