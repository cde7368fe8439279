"""Decides about addresses listened on, and how clients' connections begin."""
