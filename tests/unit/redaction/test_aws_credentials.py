"""AWS credentials show nothing of their secrets."""

from switchyard.redaction.aws_credentials import AwsCredentials


def test_only_the_id_and_the_region_are_shown() -> None:
    key = AwsCredentials("AKIA1", "hidden-secret", "hidden-token", "eu-west-1")
    assert (key.access_key, key.region) == ("AKIA1", "eu-west-1")
    assert key.get_secret_value() == "hidden-secret"
    assert key.token.get_secret_value() == "hidden-token"
    assert "hidden" not in f"{key} {key!r} {key.token!r}"
