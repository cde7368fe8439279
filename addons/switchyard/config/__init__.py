"""Turns YAML into a `Config`, and reads the shipped tables. Knows no mitmproxy."""
