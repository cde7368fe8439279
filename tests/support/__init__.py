"""What tests of the running router need: upstreams that play scripts, and the router's process."""
