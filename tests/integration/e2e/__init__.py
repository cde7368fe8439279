"""The router as its users meet it: a real process, the official SDKs, upstreams on loopback."""
