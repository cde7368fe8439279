import asyncio

from switchyard.accounts.accounts import Accounts
from switchyard.pipeline.account_watch import AccountWatch


class Tended(Accounts):
    def __init__(self) -> None:
        super().__init__()
        self.seen = asyncio.Event()
        self.closed = False

    def tend(self) -> None:
        self.seen.set()

    def close(self) -> None:
        self.closed = True


async def test_credentials_are_tended_until_the_end() -> None:
    accounts = Tended()
    watch = AccountWatch(accounts)
    watch.running()
    await accounts.seen.wait()
    watch.done()
    assert accounts.closed
