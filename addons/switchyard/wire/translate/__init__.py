"""Applies changes that only a translation, or a quirk of an upstream, needs."""
