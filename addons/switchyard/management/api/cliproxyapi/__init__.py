"""The calls of CLIProxyAPI's management API, answered by what this router has."""
