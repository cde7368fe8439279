"""One upstream response made into the client's."""
