"""Switchyard's entry point: `mitmdump -s addons/router.py`."""

from switchyard import starting

starting.guard()  # before anything else is imported, which may fail

from switchyard.engine.adoption import Adoption  # noqa: E402
from switchyard.pipeline import build  # noqa: E402

addons = [Adoption(), *build()]
