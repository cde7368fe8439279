"""Secrets get variables of their own."""

import re

from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import DraftVariable
from switchyard.importers.secret_names import SecretNames
from switchyard.importers.secret_names import secret_of


def test_names_follow_the_purpose_and_are_unique() -> None:
    names = SecretNames({})
    assert names.name(DraftSecret("one", "open-router api key")) == "OPEN_ROUTER_API_KEY"
    assert names.name(DraftSecret("two", "open-router api key")) == "OPEN_ROUTER_API_KEY_2"
    assert names.name(DraftSecret("one", "something else")) == "OPEN_ROUTER_API_KEY"
    assert names.name(DraftSecret("three", "9router key")) == "_9ROUTER_KEY"
    assert names.name(DraftSecret("four", "模型")) == "SECRET"
    assert names.values["OPEN_ROUTER_API_KEY_2"] == "two"


def test_a_variable_of_the_environment_is_not_used_for_another_value() -> None:
    names = SecretNames({"A_KEY": "other", "B_KEY": "same"})
    assert names.name(DraftSecret("mine", "a key")) == "A_KEY_2"
    assert names.name(DraftSecret("same", "b key")) == "B_KEY"


def test_variables_of_the_source_stay() -> None:
    names = SecretNames({})
    found = secret_of("os.environ/THEIR_KEY", "x", re.compile(r"os\.environ/(\w+)"))
    assert found == DraftVariable("THEIR_KEY")
    assert names.name(found) == names.name(found) == "THEIR_KEY"
    assert names.expected == ["THEIR_KEY"]
    assert names.values == {}


def test_a_secret_shows_nothing_of_itself() -> None:
    assert "hidden" not in repr(DraftSecret("hidden", "x"))
