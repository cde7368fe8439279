"""The table of handlers in a mitmproxy that began without it."""

from functools import partial

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
def lightened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was to be changed for the rest of the process."""
    done: list[str] = []
    for name in ("lighten", "trust_keys"):
        monkeypatch.setattr(adoption, name, partial(done.append, name))
    return done


async def test_add_ons_loaded_before_and_after_are_asked(lightened: list[str]) -> None:
    before, after = Asked("before"), Asked("after")
    with taddons.context(before) as context:
        addons = context.master.addons
        context.configure(begun(context))
        addons.add(after)
        assert isinstance(addons, CachedAddonManager)
        assert lightened == ["lighten", "trust_keys"]
        await addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))
    assert (before.count, after.count) == (1, 1)


async def test_a_manager_that_has_it_stays(lightened: list[str]) -> None:
    with taddons.context() as context:
        CachedAddonManager.adopt(context.master.addons)
        context.configure(begun(context))
    assert not lightened


async def test_the_option_leaves_it_out(lightened: list[str]) -> None:
    with taddons.context() as context:
        context.configure(begun(context), switchyard_engine=False)
        assert not isinstance(context.master.addons, CachedAddonManager)
    assert not lightened
