"""Small values with rules of their own: globs, units, JSON paths. Pure."""
