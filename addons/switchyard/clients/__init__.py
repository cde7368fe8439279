"""Identifies callers: client keys, proxy credentials, origins."""
