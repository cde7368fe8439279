"""Globs, units, JSON paths. Pure."""
