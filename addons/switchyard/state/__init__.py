"""Remembers from one request to the next: pure, bounded, in memory."""
