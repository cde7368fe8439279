"""AWS credentials by botocore: profiles and the environment."""

import time
from pathlib import Path

import pytest

from switchyard.accounts.aws import AwsKeys
from switchyard.accounts.token import SourceError
from switchyard.config.credentials import CredentialSource
from switchyard.redaction.aws_credentials import AwsCredentials


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def reader(**settings: str) -> AwsKeys:
    return AwsKeys(CredentialSource.model_validate({"aws": settings}))


def test_a_profile_with_a_session(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[mine]\naws_access_key_id = AKIA1\naws_secret_access_key = hidden-secret\n"
        "aws_session_token = hidden-token\n"
    )
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-west-3\n")
    token = reader(profile="mine").read("")
    key = token.secret
    assert isinstance(key, AwsCredentials)
    assert (key.access_key, key.get_secret_value(), key.region) == (
        "AKIA1", "hidden-secret", "eu-west-3",
    )  # fmt: skip
    assert token.more == ("hidden-token",)
    assert time.time() < token.renew_at < token.expires_at
    assert "hidden" not in f"{token!r} {key!r} {key}"
    assert reader(profile="mine", region="us-east-2").read("").secret.region == "us-east-2"  # type: ignore[attr-defined]


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-secret")
    found = reader().read("")
    assert found.secret.get_secret_value() == "hidden-secret"
    assert found.more == ()


@pytest.mark.parametrize("settings", [{}, {"profile": "gone"}])
def test_no_credentials_have_a_remedy(settings: dict[str, str]) -> None:
    with pytest.raises(SourceError, match="profile"):
        reader(**settings).read("")
