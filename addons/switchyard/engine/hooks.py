"""Looks up the handlers of each hook once, not at every event."""

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
from mitmproxy.addons.disable_h2c import DisableH2C
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.addons.tlsconfig import TlsConfig

from switchyard.engine.idle_addons import is_idle

logger = logging.getLogger(__name__)

type Handler = Callable[..., Any]


type Groups = tuple[tuple[Handler, ...], ...]
"""A group contains the handlers of one of the manager's own add-ons, as all scripts belong to their
loader. Where one fails, the rest of its group is left out, as in mitmproxy."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of one hook, in the order of the add-ons."""

    about: str | None
    """The hook's only field, which handlers are called with. None: they take the hook itself.

    Calling them with one argument, and not with a list, halves what a call costs.
    """
    groups: Groups


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
        # After all have been configured; an override of `_configure_all` would not be called.
        manager.master.options.changed.connect(manager._options_changed)

    def start(self, event: hooks.Hook) -> Awaitable[None] | None:
        """Call the handlers of an event; return the rest to await if one of them waits."""
        handlers = self._table.get(event.name) or self._look_up(event)
        subject = event if handlers.about is None else getattr(event, handlers.about)
        for at, group in enumerate(handlers.groups):
            try:
                for handler in group:
                    result = handler(subject)
                    if result is not None and inspect.isawaitable(result):
                        rest = group[group.index(handler) + 1 :]
                        return _finish(result, (rest, *handlers.groups[at + 1 :]), subject)
            except exceptions.AddonHalt:
                return None
            except exceptions.OptionsError:
                raise
            except Exception as e:
                _report(e)
        return None

    def has(self, event: type[hooks.Hook]) -> bool:
        """Whether any add-on handles events of a kind."""
        handlers = self._table.get(event.name) or self._look_up(event)
        return bool(handlers.groups)

    def lifecycle(self, event: hooks.Hook) -> Awaitable[None] | None:
        """As `handle_lifecycle`: `start`, and the update event after what concerns a flow."""
        rest = self.start(event)
        updating = self._table.get(hooks.UpdateHook.name) or self._look_up(hooks.UpdateHook)
        if not updating.groups:
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

    def _options_changed(self, updated: set[str]) -> None:
        # Who has nothing to do may have now, and the order of scripts is an option.
        self._table.clear()

    def add(self, *addons: object) -> None:
        super().add(*addons)
        # An add-on joins the chain after it was registered.
        self._table.clear()

    def _look_up(self, event: hooks.Hook | type[hooks.Hook]) -> Handlers:
        kind = event if isinstance(event, type) else type(event)
        names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
        about = names[0] if len(names) == 1 else None
        found = (
            tuple(
                _handler(addon, event.name) if about else _spread(addon, event.name, names)
                for addon in _handling(top, event.name)
                if not is_idle(addon, event.name, self.master.options)
            )
            for top in self.chain
        )
        handlers = Handlers(about, tuple(group for group in found if group))
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
    if name == "request" and type(addon) is Onboarding:
        return _unless_asked_for(addon, handler)
    if name == "request" and type(addon) is TlsConfig:
        return _for_revocation_lists(handler)
    if name == "request" and type(addon) is DisableH2C:
        return _for_upgrades(handler)
    return handler


def _spread(addon: object, name: str, fields: tuple[str, ...]) -> Handler:
    """The handler of a hook with no field, or several: it takes the hook."""
    handler = getattr(addon, name)
    return lambda event: handler(*[getattr(event, field) for field in fields])


def _unless_asked_for(addon: Onboarding, handler: Handler) -> Handler:
    """The handler must be awaited to learn that mitm.it was not asked for."""

    def request(flow: Any) -> Awaitable[None] | None:
        port = addon.port
        if port is not None and flow.request.data.port != port:
            return None
        return handler(flow) if addon.should_serve(flow) else None

    return request


def _for_revocation_lists(handler: Handler) -> Handler:
    """Where the list is, is read from the certificate at every request."""

    def request(flow: Any) -> None:
        if flow.request.data.path.endswith(b".crl"):
            handler(flow)

    return request


def _for_upgrades(handler: Handler) -> Handler:
    """Nothing else is looked for: the header, and the first line of a connection's preface."""

    def request(flow: Any) -> None:
        if "upgrade" in flow.request.data.headers or flow.request.data.method == b"PRI":
            handler(flow)

    return request


async def _finish(waiting: Awaitable[None], rest: Groups, subject: object) -> None:
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
                result = handler(subject)
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
