"""Keeps configuration and secrets of one user's devices in step, over storage that others run."""
