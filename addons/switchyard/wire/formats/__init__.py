"""The wire formats, a package each."""
