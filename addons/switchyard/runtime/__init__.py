"""Holds the configuration in force, and the state that outlives it."""
