"""Addresses that are listened on, and what clients begin with there."""
