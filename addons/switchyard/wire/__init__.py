"""Wire formats: pure translation between bytes and one neutral model; no I/O."""
