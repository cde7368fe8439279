"""What a report refuses, by the command and over HTTP alike."""

import pytest

from switchyard.exchange.guard import Refused
from switchyard.management.usage_report import usage_report
from switchyard.usage import command
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import default_folder
from switchyard.usage.report_options import OPTIONS
from switchyard.usage.report_options import takes
from switchyard.usage.store import Retention

VALUES = {"since": "2026-11-01", "until": "2026-11-02", "tz": "Europe/Berlin"}
PLACE = RecordPlace(default_folder({"SWITCHYARD_USAGE_DIR": "/nonexistent"}), Retention(1, 1))


def test_what_reports_take() -> None:
    assert [one for one in OPTIONS if takes("caches", one)] == ["session", *VALUES]
    assert not any(takes("quota", one) for one in OPTIONS)
    assert all(takes(report, one) for report in ("daily", "blocks") for one in OPTIONS)


@pytest.mark.parametrize("report", ["daily", "sessions", "blocks", "caches", "quota"])
@pytest.mark.parametrize("option", OPTIONS)
def test_both_refuse_the_same(report: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = VALUES.get(option, "x")
    refused = f"{report} takes no --{option}"
    if takes(report, option):
        assert command.read_options([report, f"--{option}", value]).report == report
    else:
        with pytest.raises(SystemExit):
            command.read_options([report, f"--{option}", value])
        assert refused in capsys.readouterr().err
    path = f"/v0/usage?report={report}&{option}={value}"
    if option == "key":  # over HTTP it is the key that asks
        with pytest.raises(Refused, match="'key' is not known"):
            usage_report(PLACE, path, None)
    elif takes(report, option):
        usage_report(PLACE, path, None)
    else:
        with pytest.raises(Refused, match=f"'{option}' is not for {report}"):
            usage_report(PLACE, path, None)
