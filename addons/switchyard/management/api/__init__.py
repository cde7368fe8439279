"""The management API over HTTP, which is imported only with its first request."""
