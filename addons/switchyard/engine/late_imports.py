"""Puts off what mitmproxy imports at its start for features that few use.

mitmproxy's add-ons import an LDAP client (proxy authentication against a directory) and Flask (the
page at mitm.it). Together they are a fifth of the processor time of a start. Both are imported here
when they are first used.
"""

import importlib
import sys
from collections.abc import Callable
from collections.abc import Iterable
from types import ModuleType
from typing import Any
from typing import Final

LATE: Final = ("ldap3",)
"""Modules that mitmproxy imports as a whole and uses inside functions only."""

PAGE: Final = "mitmproxy.addons.onboardingapp"


class OnboardingPage:
    """mitmproxy's WSGI application for mitm.it, imported at its first request.

    `config` is what mitmproxy writes its settings into before.
    """

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}
        self._app: Any = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, as PEP 3333 says."""
        if self._app is None:
            sys.modules.pop(PAGE, None)
            self._app = importlib.import_module(PAGE).app
        self._app.config.update(self.config)
        return self._app(environ, start)


class LateModule(ModuleType):
    """A module that is imported when something is looked up in it."""

    def __getattr__(self, name: str) -> Any:
        """Look the name up in the real module.

        Raises AttributeError for names such as `__file__`: inspect asks every module for those.
        """
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def put_off() -> None:
    """Have `LATE` and the page of mitm.it imported when first used.

    Call it before mitmproxy's tools are imported; later it does nothing.
    """
    for name in LATE:
        sys.modules.setdefault(name, LateModule(name))
    if PAGE not in sys.modules:
        page = ModuleType(PAGE)
        page.app = OnboardingPage()  # pyright: ignore[reportAttributeAccessIssue]
        sys.modules[PAGE] = page
