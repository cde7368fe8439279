"""Connections to upstreams: dialing, proxies, TLS, pool, side requests."""
