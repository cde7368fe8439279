"""Reports on the router itself."""
