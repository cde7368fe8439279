"""Turns one upstream response into the client's response."""
