"""Ways out to providers, through real proxies and against real TLS."""
