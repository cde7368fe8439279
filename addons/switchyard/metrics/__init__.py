"""Counts what the router did, from its records of requests, and shows the sums to Prometheus."""
