"""Prices responses and adds up tokens."""
