"""Who calls: client keys, proxy credentials, origins."""
