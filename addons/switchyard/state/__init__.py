"""Remembers from one request to the next: bounded, in one process or across several."""
