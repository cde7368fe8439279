"""What the command line does before mitmproxy starts: options, checks, a first file."""
