"""The authority's certificate is described, with whether the system trusts it."""

import platform
from pathlib import Path

import pytest
import trustme

from switchyard.management import certificate_status as module
from switchyard.management.certificate_status import CERTIFICATE
from switchyard.management.certificate_status import certificate_status


@pytest.mark.parametrize("is_trusted", [True, False, None])
def test_an_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool | None
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(module, "is_among_roots", lambda pem: is_trusted)
    path = tmp_path / CERTIFICATE
    path.write_bytes(trustme.CA(organization_name="the proxy").cert_pem.bytes())
    status = certificate_status(tmp_path)
    assert status is not None and status.is_trusted is is_trusted
    assert status.path == str(path)
    assert "the proxy" in status.subject and len(status.fingerprint) == 64
    assert status.expires > 1_700_000_000
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    status = certificate_status(tmp_path)
    assert status is not None and status.is_trusted is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_folder_without_an_authority(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / CERTIFICATE).write_bytes(content)
    assert certificate_status(tmp_path) is None
