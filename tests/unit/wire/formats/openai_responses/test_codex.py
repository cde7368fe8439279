"""The model list in Codex' shape."""

import pytest

from switchyard.wire.formats.openai_responses.codex import Codex
from switchyard.wire.model.model_list import ModelEntry

REQUIRED = {
    "slug": str,
    "display_name": str,
    "supported_reasoning_levels": list,
    "shell_type": str,
    "visibility": str,
    "supported_in_api": bool,
    "priority": int,
    "base_instructions": str,
    "supports_reasoning_summaries": bool,
    "support_verbosity": bool,
    "truncation_policy": dict,
    "supports_parallel_tool_calls": bool,
    "experimental_supported_tools": list,
}
"""Members without a default in Codex' `ModelInfo`."""


def test_every_member_that_codex_needs_is_there() -> None:
    entries = [ModelEntry(id="a/x", owner="a", context_window=9), ModelEntry(id="b", owner="b")]
    first, second = Codex().write_models(entries)["models"]
    for model in (first, second):
        assert {name: type(model[name]) for name in REQUIRED} == REQUIRED
        assert {"description", "upgrade", "default_verbosity", "apply_patch_tool_type"} <= {*model}
    assert (first["context_window"], first["priority"]) == (9, 0)
    assert "context_window" not in second and second["priority"] == 1


@pytest.mark.parametrize(
    ("path", "is_client"),
    [("/v1/models?client_version=1", True), ("/models?a=1&client_version=1", True),
     ("/v1/models", False), ("/v1/models?x_client_version=1", False)],
)  # fmt: skip
def test_its_clients_are_known_by_the_query(path: str, is_client: bool) -> None:
    assert Codex().is_client({}, path) == is_client
