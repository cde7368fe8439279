"""Credentials that are more than a key: read, refreshed and kept ready beside the requests."""
