"""Knows what is a credential, and masks it. Pure."""
