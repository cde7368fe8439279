"""Puts off what mitmproxy imports at its start for features that few use.

mitmproxy's add-ons import an LDAP client (proxy authentication against a directory), Flask (the
page at mitm.it), Werkzeug (files in place of responses) and service-identity (certificates of QUIC
servers). Together they are a quarter of the processor time of a start. They are imported here when
they are first used.
"""

import importlib
import sys
from collections.abc import Callable
from collections.abc import Iterable
from types import ModuleType
from typing import Any
from typing import Final

LATE: Final = ("ldap3", "service_identity")
"""Modules that mitmproxy and aioquic import as a whole and use inside functions only."""

LATE_FUNCTIONS: Final = {"werkzeug.security": "safe_join"}
"""Modules that mitmproxy imports one function of."""

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

    def give(self, function: str) -> None:
        """Have a function here that can be imported by its name, and looks the real one up."""
        setattr(self, function, lambda *args: self.__getattr__(function)(*args))

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
    """Have `LATE`, `LATE_FUNCTIONS` and the page of mitm.it imported when first used.

    Call it before mitmproxy's tools are imported; later it does nothing.
    """
    for name in (*LATE, *LATE_FUNCTIONS):
        sys.modules.setdefault(name, LateModule(name))
    for name, function in LATE_FUNCTIONS.items():
        if isinstance(late := sys.modules[name], LateModule):
            late.give(function)
    if PAGE not in sys.modules:
        page = ModuleType(PAGE)
        page.app = OnboardingPage()  # pyright: ignore[reportAttributeAccessIssue]
        sys.modules[PAGE] = page
