"""Labels have a bounded number of values."""

from switchyard.metrics.label_values import LabelValues


def test_further_values_become_other() -> None:
    values = LabelValues(most=2)
    assert [values.of("model", one) for one in "abcab"] == ["a", "b", "other", "a", "b"]


def test_each_label_has_its_own() -> None:
    values = LabelValues(most=1)
    assert values.of("model", "a") == "a"
    assert values.of("key", "b") == "b"


def test_none_is_empty_and_takes_no_place() -> None:
    values = LabelValues(most=1)
    assert (values.of("key", None), values.of("key", ""), values.of("key", "a")) == ("", "", "a")
