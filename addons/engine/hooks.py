"""Who handles which hook, looked up once and not at every event."""

import inspect
import logging
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import fields
from typing import Any

from mitmproxy import addonmanager
from mitmproxy import exceptions
from mitmproxy import flow
from mitmproxy import hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons.onboarding import Onboarding

logger = logging.getLogger(__name__)

type Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of one hook, in the order of the add-ons."""

    groups: tuple[tuple[Handler, ...], ...]
    """A group is what belongs to one of the manager's own add-ons, as all scripts do to their
    loader. Where one fails, the rest of its group is left out, as mitmproxy does it."""
    arguments: tuple[str, ...]
    """The hook's fields, which the handlers are given."""


class CachedAddonManager(AddonManager):
    """mitmproxy's add-on manager with a table of handlers.

    The table is made anew when add-ons come, go or are configured. A method that is put on an
    add-on by other means while it runs is not found.
    """

    _table: dict[str, Handlers]

    @classmethod
    def adopt(cls, manager: AddonManager) -> None:
        """Give the manager that a master made this class."""
        manager.__class__ = cls
        assert isinstance(manager, cls)
        manager._table = {}

    def start(self, event: hooks.Hook) -> Awaitable[None] | None:
        """Call the handlers of an event; what remains to be awaited if one of them has to wait."""
        handlers = self._table.get(event.name) or self._look_up(event)
        if not handlers.groups:
            return None
        arguments = [getattr(event, name) for name in handlers.arguments]
        for at, group in enumerate(handlers.groups):
            for place, handler in enumerate(group):
                try:
                    result = handler(*arguments)
                except exceptions.AddonHalt:
                    return None
                except exceptions.OptionsError:
                    raise
                except Exception as e:
                    _report(e)
                    break
                if result is not None and inspect.isawaitable(result):
                    rest = (group[place + 1 :], *handlers.groups[at + 1 :])
                    return _finish(result, rest, arguments)
        return None

    def has(self, event: type[hooks.Hook]) -> bool:
        """Whether anybody handles events of a kind."""
        handlers = self._table.get(event.name) or self._look_up(event)
        return bool(handlers.groups)

    def lifecycle(self, event: hooks.Hook) -> Awaitable[None] | None:
        """As `handle_lifecycle`: `start`, and the update event after what concerns a flow."""
        rest = self.start(event)
        if not self.has(hooks.UpdateHook):
            return rest
        message = event.args()[0]
        if not isinstance(message, flow.Flow):
            return rest
        if rest is None:
            return self.start(hooks.UpdateHook([message]))
        return self._then_update(rest, message)

    async def _then_update(self, rest: Awaitable[None], message: flow.Flow) -> None:
        await rest
        await self.trigger_event(hooks.UpdateHook([message]))

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        if (rest := self.lifecycle(event)) is not None:
            await rest

    async def trigger_event(self, event: hooks.Hook) -> None:
        if (rest := self.start(event)) is not None:
            await rest

    def register(self, addon: object) -> object:
        self._table.clear()
        try:
            return super().register(addon)
        finally:
            self._table.clear()

    def remove(self, addon: object) -> None:
        super().remove(addon)
        self._table.clear()

    def clear(self) -> None:
        super().clear()
        self._table.clear()

    def _configure_all(self, updated: set[str]) -> None:
        # The order of scripts is an option.
        try:
            super()._configure_all(updated)
        finally:
            self._table.clear()

    def add(self, *addons: object) -> None:
        super().add(*addons)
        # An add-on joins the chain after it was registered.
        self._table.clear()

    def _look_up(self, event: hooks.Hook | type[hooks.Hook]) -> Handlers:
        groups = (
            tuple(_handler(addon, event.name) for addon in _handling(top, event.name))
            for top in self.chain
        )
        kind = event if isinstance(event, type) else type(event)
        handlers = Handlers(
            groups=tuple(group for group in groups if group),
            arguments=tuple(field.name for field in fields(kind)),  # type: ignore[arg-type]
        )
        self._table[event.name] = handlers
        return handlers


def _handling(top: object, name: str) -> list[object]:
    """The add-on and those within it that handle a hook."""
    found = []
    for addon in addonmanager.traverse([top]):
        handler = getattr(addon, name, None)
        if handler and not inspect.ismodule(handler):
            if not callable(handler):
                raise exceptions.AddonManagerError(f"Addon handler {name} ({addon}) not callable")
            found.append(addon)
    return found


def _handler(addon: object, name: str) -> Handler:
    handler = getattr(addon, name)
    if type(addon) is not Onboarding or name != "request":
        return handler

    # Its handler must be awaited to learn that mitm.it was not asked for.
    def request(flow: Any) -> Awaitable[None] | None:
        return handler(flow) if addon.should_serve(flow) else None

    return request


async def _finish(
    waiting: Awaitable[None], rest: tuple[tuple[Handler, ...], ...], arguments: list[Any]
) -> None:
    """Await a handler, and call the others after it."""
    first, *others = rest
    try:
        await waiting
    except exceptions.AddonHalt:
        return
    except exceptions.OptionsError:
        raise
    except Exception as e:
        _report(e)
        first = ()
    for group in (first, *others):
        for handler in group:
            try:
                result = handler(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
            except exceptions.AddonHalt:
                return
            except exceptions.OptionsError:
                raise
            except Exception as e:
                _report(e)
                break


def _report(problem: Exception) -> None:
    """As mitmproxy reports what an add-on raised."""
    logger.error("Addon error: %s", problem, exc_info=problem)
