"""YAML to `Config`, and the shipped tables. Does not import mitmproxy."""
