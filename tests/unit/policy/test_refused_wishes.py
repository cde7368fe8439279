"""Models that are asked for no thinking: for how long, how many, and for whom."""

import pytest

from switchyard.policy import refused_wishes
from switchyard.policy.health import Health
from switchyard.policy.refused_wishes import RefusedWishes


def test_a_refusal_holds_for_one_model_and_an_hour() -> None:
    refused = RefusedWishes()
    assert not refused.hold("glm", "m", 0.0)
    refused.note("glm", "m", 10.0)
    assert refused.hold("glm", "m", 3609.0) and not refused.hold("glm", "m", 3610.0)
    assert not refused.hold("glm", "other", 11.0) and not refused.hold("cc", "m", 11.0)


def test_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_wishes, "_MOST", 2)
    refused = RefusedWishes()
    for model in ("a", "b", "a", "c"):
        refused.note("glm", model, 0.0)
    assert len(refused) == 2
    assert [refused.hold("glm", model, 1.0) for model in ("a", "b", "c")] == [True, False, True]


def test_a_provider_whose_settings_change_is_asked_again() -> None:
    health = Health()
    for provider in ("glm", "cc"):
        health.refused_wishes.note(provider, "m", 0.0)
    health.forget("glm", "glm#0")
    assert health.refused_wishes.hold("glm", "m", 1.0)
    health.forget("glm")
    assert not health.refused_wishes.hold("glm", "m", 1.0)
    assert health.refused_wishes.hold("cc", "m", 1.0)
