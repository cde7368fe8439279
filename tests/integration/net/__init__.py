"""Clients in network namespaces, with nothing configured in them."""
