from pathlib import Path

import pytest
from pydantic import SecretStr

from switchyard.accounts.accounts import Accounts
from switchyard.accounts.token import SourceError
from switchyard.config.account_flows import AccountFlow
from switchyard.config.credentials import CredentialSource


def source(path: Path) -> CredentialSource:
    return CredentialSource.model_validate({"file": str(path)})


@pytest.fixture
def accounts():
    made = Accounts()
    yield made
    made.close()


async def test_a_source_is_read_once_and_its_token_is_learned(
    accounts: Accounts, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("tok-1")
    accounts.use([source(path), source(path)])
    assert (await accounts.obtain(source(path))).get_secret_value() == "tok-1"
    assert accounts.learned.all() == ("tok-1",)
    (status,) = accounts.status()
    assert (status.label, status.problem) == ("the file token", "")


async def test_secrets_of_clients_are_masked_too(accounts: Accounts) -> None:
    azure = {"azure": {"tenant": "t", "client": "c", "secret": "azure-s3cret"}}
    flow = AccountFlow.model_validate({"client-id": "c", "client-secret": "client-s3cret"})
    accounts.use([CredentialSource.model_validate(azure)], {"corp": flow})
    assert set(accounts.learned.all()) == {"azure-s3cret", "client-s3cret"}


async def test_a_file_that_is_rewritten_is_followed(accounts: Accounts, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("tok-1")
    accounts.use([source(path)])
    await accounts.obtain(source(path))
    path.write_text("token-2")
    while (await accounts.obtain(source(path))).get_secret_value() != "token-2":
        accounts.tend()


async def test_a_new_configuration_keeps_the_tokens_that_stay(
    accounts: Accounts, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("tok-1")
    accounts.use([source(path)])
    await accounts.obtain(source(path))
    accounts.use([source(tmp_path / "other"), source(path)])
    assert accounts.value(source(path)) == SecretStr("tok-1")
    accounts.use([])
    assert accounts.status() == ()


async def test_a_file_that_appears_ends_the_failure(accounts: Accounts, tmp_path: Path) -> None:
    path, recovered = tmp_path / "token", []
    accounts.recovered = recovered.append
    accounts.use([source(path)])
    with pytest.raises(SourceError):
        await accounts.obtain(source(path))
    path.write_text("tok-1")
    while not recovered:
        accounts.tend()
        accounts.value(source(path))
    assert recovered == [source(path)]
    assert (await accounts.obtain(source(path))).get_secret_value() == "tok-1"


async def test_a_refused_token_is_read_again(accounts: Accounts, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("tok-1")
    accounts.use([source(path)])
    first = await accounts.obtain(source(path))
    path.write_text("tok-2")
    accounts.refuse(source(path), first)
    assert (await accounts.obtain(source(path))).get_secret_value() == "tok-2"
