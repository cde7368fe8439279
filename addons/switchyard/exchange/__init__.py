"""One client request over all its attempts."""
