"""Prices and tallies."""
