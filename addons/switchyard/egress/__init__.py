"""Connects to upstreams: dialing, proxies, TLS, pool, the router's own requests."""
