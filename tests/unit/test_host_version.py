"""Which versions of mitmproxy the router was tested with, and what it says of later ones."""

import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from switchyard.host_version import TESTED
from switchyard.host_version import warn_of_untested
from tests.support.router import ROOT


@pytest.mark.parametrize("later", ["12.4.0", "12.10.1", "13.0.0", "13.0.0.dev"])
def test_a_later_one_is_warned_of(later: str, caplog: pytest.LogCaptureFixture) -> None:
    assert warn_of_untested(later)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"switchyard: mitmproxy {later} is later than 12.3, the latest tested; if requests fail,"
        " install 'mitmproxy<12.4'"
    )


@pytest.mark.parametrize("known", ["12.3.0", "12.3.9", "12.0.1", "9.12.0", "unknown"])
def test_others_are_not(known: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not warn_of_untested(known)
    assert not caplog.records


def test_the_package_allows_none_but_the_tested_ones() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (needed,) = (
        needed for needed in map(Requirement, project["dependencies"]) if needed.name == "mitmproxy"
    )
    major, minor = TESTED
    assert needed.specifier.contains(f"{major}.{minor}.99")
    assert not needed.specifier.contains(f"{major}.{minor + 1}.0")


def test_the_one_that_is_locked_is_tested() -> None:
    assert not warn_of_untested(version("mitmproxy"))
