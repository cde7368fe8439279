"""Turns model names into plans and routes; applies payload rules. Pure."""
