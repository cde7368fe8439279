"""The table of handlers in a mitmproxy that began without it."""

import pytest
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import taddons
from mitmproxy.test import tflow

from switchyard.engine import adoption
from switchyard.engine.adoption import Adoption
from switchyard.engine.hooks import CachedAddonManager


class Asked:
    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def request(self, flow: object) -> None:
        self.count += 1


def begun(context: taddons.context) -> Adoption:
    adoption = Adoption()
    context.master.addons.add(adoption)
    return adoption


@pytest.fixture(autouse=True)
def lightened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often mitmproxy's messages were to be replaced, which would last for the process."""
    times: list[int] = []
    monkeypatch.setattr(adoption, "lighten", lambda: times.append(1))
    return times


async def test_add_ons_loaded_before_and_after_are_asked(lightened: list[int]) -> None:
    before, after = Asked("before"), Asked("after")
    with taddons.context(before) as context:
        addons = context.master.addons
        context.configure(begun(context))
        addons.add(after)
        assert isinstance(addons, CachedAddonManager) and lightened
        await addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))
    assert (before.count, after.count) == (1, 1)


async def test_a_manager_that_has_it_stays(lightened: list[int]) -> None:
    with taddons.context() as context:
        CachedAddonManager.adopt(context.master.addons)
        context.configure(begun(context))
    assert not lightened


async def test_the_option_leaves_it_out(lightened: list[int]) -> None:
    with taddons.context() as context:
        context.configure(begun(context), switchyard_engine=False)
        assert not isinstance(context.master.addons, CachedAddonManager)
    assert not lightened
